//! What the database says about itself, for the metrics.

use sea_orm::{ConnectionTrait as _, QueryResult, Statement};

use crate::transaction::OpenTransaction as _;
use crate::{Database, DatabaseKind, StorageError};

/// The database's size, and who copies it.
#[derive(Clone, Debug, PartialEq)]
pub struct DatabaseFigures {
    /// Bytes on its disk; without the write-ahead log.
    pub size_bytes: i64,
    /// The standby servers that stream from it; none on SQLite.
    pub replicas: Vec<ReplicaFigures>,
}

/// One standby server.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplicaFigures {
    /// Its `application_name` and, over a network, its address.
    pub name: String,
    /// How far behind it replays, and how many bytes of the log it has not replayed yet. `None`
    /// where the login role may not see it: that needs `pg_monitor`.
    pub lag: Option<(f64, i64)>,
}

/// The delay is measured by what was written last, and stands still with it: a standby that has
/// replayed everything is not behind.
const REPLICAS: &str = "SELECT coalesce(nullif(application_name, ''), 'unnamed') \
     || coalesce('@' || host(client_addr), ''), \
     pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint, \
     CASE WHEN replay_lsn >= pg_current_wal_lsn() THEN 0 \
     ELSE coalesce(extract(epoch FROM replay_lag), 0) END::float8 \
     FROM pg_stat_replication WHERE coalesce(state, '') <> 'backup' ORDER BY 1";

impl Database {
    /// Whether the database answers: one statement that reads a row of ours.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when it does not, [`StorageError::Other`] when the schema is
    /// missing.
    pub async fn ping(&self) -> Result<(), StorageError> {
        self.row("ping", "SELECT 1 FROM installation").await?;
        Ok(())
    }

    /// Asks the database for its size and its replicas.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when it does not answer.
    pub async fn figures(&self) -> Result<DatabaseFigures, StorageError> {
        let size = match self.kind() {
            DatabaseKind::Postgres => "SELECT pg_database_size(current_database())",
            DatabaseKind::Sqlite => {
                "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
            }
        };
        let size = self.row("figures.size", size).await?;
        let size_bytes = size.map_or(Ok(0), |row| row.try_get_by_index(0))?;
        let replicas = match self.kind() {
            DatabaseKind::Postgres => self.replicas().await?,
            DatabaseKind::Sqlite => Vec::new(),
        };
        Ok(DatabaseFigures {
            size_bytes,
            replicas,
        })
    }

    /// As the login role, which an operator may have given `pg_monitor`: the role that
    /// transactions switch to sees no server's figures.
    async fn replicas(&self) -> Result<Vec<ReplicaFigures>, StorageError> {
        let tx = self.system_read("figures.replicas").await?;
        let ask = |sql: &str| Statement::from_string(self.backend(), sql);
        tx.connection().execute_raw(ask("RESET ROLE")).await?;
        let rows = tx.connection().query_all_raw(ask(REPLICAS)).await?;
        let replica = |row: &QueryResult| {
            let bytes: Option<i64> = row.try_get_by_index(1)?;
            let seconds: Option<f64> = row.try_get_by_index(2)?;
            Ok(ReplicaFigures {
                name: row.try_get_by_index(0)?,
                lag: bytes.and_then(|bytes| Some((seconds?, bytes))),
            })
        };
        rows.iter().map(replica).collect()
    }

    async fn row(
        &self,
        reason: &'static str,
        sql: &str,
    ) -> Result<Option<QueryResult>, StorageError> {
        let tx = self.system_read(reason).await?;
        let statement = Statement::from_string(self.backend(), sql);
        Ok(tx.connection().query_one_raw(statement).await?)
    }
}
