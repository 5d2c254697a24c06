//! A connection for one run of the migrations, and the transaction that holds the lock.

use std::time::Duration;

use sea_orm_migration::sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend,
    DbErr, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

use crate::{MigrationError, away};

/// How long to wait for another process that is migrating the same database.
const LOCK_PATIENCE: Duration = Duration::from_mins(5);

/// `SELECT pg_advisory_xact_lock(…)`: the number is arbitrary, and the same in every version.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7301986442117051)";

/// A pool of exactly one connection, so that every statement of a run sees the same session.
pub(crate) async fn open(url: &str, create: bool) -> Result<DatabaseConnection, MigrationError> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(10))
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(move |sqlite| {
            sqlite
                .create_if_missing(create)
                .foreign_keys(true)
                .busy_timeout(LOCK_PATIENCE)
        });
    let error = match Database::connect(options).await {
        Ok(connection) => return Ok(connection),
        Err(error) => error,
    };
    match url.strip_prefix("sqlite:") {
        Some(path) => Err(MigrationError::File {
            path: file(path).to_owned(),
            source: error,
        }),
        None => Err(away::why(url, &error).await),
    }
}

/// The path in a SQLite URL, without what precedes and follows it.
fn file(rest: &str) -> &str {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    path.split_once('?').map_or(path, |(path, _)| path)
}

/// Begins the one transaction of a run. Whoever comes second waits here.
pub(crate) async fn begin(connection: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let transaction = connection
        .begin_with_options(TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        })
        .await?;
    if connection.get_database_backend() == DbBackend::Postgres {
        let patience = LOCK_PATIENCE.as_secs();
        transaction
            .execute_unprepared(&format!("SET LOCAL lock_timeout = '{patience}s'"))
            .await?;
        transaction.execute_unprepared(LOCK).await?;
    }
    Ok(transaction)
}
