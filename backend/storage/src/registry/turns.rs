//! Who changes the same things takes turns, by an advisory lock on PostgreSQL that ends with the
//! transaction. SQLite has one writer.

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::transaction::OpenTransaction as _;
use crate::{DatabaseKind, StorageError, SystemTx};

/// Renewing and expiring: two statements that lock the same rows in different orders would
/// deadlock.
pub(super) const LEASES: i64 = 7_301_986_442_117_071;
/// Changing routes.
pub(super) const ROUTES: i64 = 7_301_986_442_117_072;

pub(super) async fn take(tx: &SystemTx, lock: i64) -> Result<(), StorageError> {
    if tx.database().kind() == DatabaseKind::Postgres {
        tx.connection()
            .execute_raw(Statement::from_sql_and_values(
                DbBackend::Postgres,
                "SELECT pg_advisory_xact_lock($1)",
                [lock.into()],
            ))
            .await?;
    }
    Ok(())
}
