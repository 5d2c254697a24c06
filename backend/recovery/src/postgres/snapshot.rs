//! One moment of the database, which several programs look at.

use chrono::{DateTime, Utc};
use sqlx::{Connection as _, PgConnection, Postgres, Row as _};

use crate::{RecoveryError, facts::Facts};

/// A moment of the database. It lasts as long as this does; to hold it for long keeps the server
/// from tidying up what was deleted meanwhile.
pub(crate) struct Snapshot {
    connection: PgConnection,
    pub(crate) id: String,
    pub(crate) facts: Facts,
}

/// Nothing of it may end the transaction that holds the moment.
const PATIENT: &str = "SET idle_in_transaction_session_timeout = 0; SET statement_timeout = 0";
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

impl Snapshot {
    /// Holds the moment that is now.
    ///
    /// # Errors
    /// [`RecoveryError::Database`] when the server is away, or the database has no schema of the
    /// platform.
    pub(crate) async fn take(url: &str) -> Result<Self, RecoveryError> {
        Self::of(url).await.map_err(RecoveryError::Database)
    }

    async fn of(url: &str) -> Result<Self, sqlx::Error> {
        let mut connection = PgConnection::connect(url).await?;
        sqlx::raw_sql(PATIENT).execute(&mut connection).await?;
        sqlx::raw_sql(BEGIN).execute(&mut connection).await?;
        let row = sqlx::query(
            "SELECT pg_export_snapshot(), current_setting('server_version'), transaction_timestamp()",
        )
        .fetch_one(&mut connection)
        .await?;
        let (id, server): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let taken_at: DateTime<Utc> = row.try_get(2)?;
        Ok(Self {
            facts: Facts::read::<Postgres>(&mut connection, server, taken_at).await?,
            connection,
            id,
        })
    }

    /// Lets it go.
    pub(crate) async fn end(self) {
        // The server ends what is not ended.
        let _ = self.connection.close().await;
    }
}
