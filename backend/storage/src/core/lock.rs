//! Taking turns across processes.

use sea_orm::{ConnectionTrait as _, DbBackend, Statement};

use crate::{StorageError, SystemTx, transaction::OpenTransaction as _};

/// Waits until no other transaction holds the lock of this name, and holds it until this one ends.
/// SQLite has one writer anyway.
pub async fn hold(tx: &SystemTx, name: &str) -> Result<(), StorageError> {
    let connection = tx.connection();
    if connection.get_database_backend() == DbBackend::Postgres {
        let sql = "SELECT pg_advisory_xact_lock(hashtextextended('saas:' || $1, 0))";
        let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, [name.into()]);
        connection.execute_raw(statement).await?;
    }
    Ok(())
}
