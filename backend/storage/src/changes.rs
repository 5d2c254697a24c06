//! The change log: what a stream's followers have not seen yet, in an order without gaps.

mod listener;
mod log;
mod row;

use sea_orm::{ActiveValue::Set, ConnectionTrait, DbBackend, EntityTrait, Statement};

use crate::transaction::Session;
use crate::{Database, StorageError};
use saas_migration::SYSTEM_ROLE;

pub use listener::ChangeWatch;
pub(crate) use listener::{Listener, Signals};
pub use log::{Change, ChangeLog, ChangePosition, Changes};

/// The PostgreSQL channel that wakes followers. Its payload is the stream's name.
const CHANNEL: &str = "saas_changes";

/// Which stream a change belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeStream {
    /// Services, instances and routes.
    Registry,
    /// Keys, sessions, rights and tenants.
    Trust,
}

impl ChangeStream {
    const ALL: [Self; 2] = [Self::Registry, Self::Trust];

    /// The name it is stored under.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Trust => "trust",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stream| stream.as_str() == name)
    }

    /// The advisory lock under which its numbers are given out.
    const fn lock(self) -> i64 {
        match self {
            Self::Registry => 7_301_986_442_117_061,
            Self::Trust => 7_301_986_442_117_062,
        }
    }
}

impl Database {
    /// The stream's log.
    pub fn changes(&self, stream: ChangeStream) -> ChangeLog {
        ChangeLog::new(self.clone(), stream)
    }

    /// Wakes its holder when the stream has changed.
    pub fn watch_changes(&self, stream: ChangeStream) -> ChangeWatch {
        self.signals().watch(stream)
    }
}

/// The end of a transaction that changed something followers must hear of.
pub(crate) async fn record_and_commit(
    session: Session,
    stream: ChangeStream,
    subjects: &[String],
) -> Result<i64, StorageError> {
    let connection = &session.transaction;
    let is_postgres = connection.get_database_backend() == DbBackend::Postgres;
    if is_postgres {
        // The log is the platform's; a tenant's transaction has no more to do but this.
        session.enter(SYSTEM_ROLE, "").await?;
        call(
            connection,
            "SELECT pg_advisory_xact_lock($1)",
            stream.lock(),
        )
        .await?;
    }
    let mut number = log::latest_number(connection, stream).await?;
    let now = session.database.clock().now();
    let rows = subjects.iter().map(|subject| {
        number += 1;
        row::ActiveModel {
            stream: Set(stream.as_str().to_owned()),
            number: Set(number),
            subject: Set(subject.clone()),
            created_at: Set(now),
        }
    });
    let rows: Vec<_> = rows.collect();
    // Four values a row: far below what a statement may carry on either database.
    for rows in rows.chunks(1000) {
        row::Entity::insert_many(rows.to_vec())
            .exec_without_returning(connection)
            .await?;
    }
    if is_postgres {
        let name = stream.as_str();
        let sql = format!("SELECT pg_notify('{CHANNEL}', $1)");
        call(connection, &sql, name).await?;
    }
    let database = session.database.clone();
    session.commit().await?;
    // On PostgreSQL this only saves the way round through the server.
    database.signals().fire(stream);
    Ok(number)
}

async fn call(
    connection: &impl ConnectionTrait,
    sql: &str,
    value: impl Into<sea_orm::Value>,
) -> Result<(), StorageError> {
    connection
        .execute_raw(Statement::from_sql_and_values(
            DbBackend::Postgres,
            sql,
            [value.into()],
        ))
        .await?;
    Ok(())
}
