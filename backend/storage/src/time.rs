//! The clock that leases are measured by: the database's own where several processes share it, the
//! injected one where there is a single process.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use sea_orm::{ConnectionTrait, DbBackend};

use crate::transaction::OpenTransaction;
use crate::{DatabaseKind, StorageError};

/// The present as an expression.
pub(crate) fn now(tx: &impl OpenTransaction) -> Expr {
    match tx.database().kind() {
        // Not `now()`: that is when the transaction began, which may have waited for a lock.
        DatabaseKind::Postgres => Expr::cust("clock_timestamp()"),
        DatabaseKind::Sqlite => Expr::value(tx.database().clock().steady()),
    }
}

/// The present and then some, as an expression.
pub(crate) fn after(tx: &impl OpenTransaction, by: Duration) -> Expr {
    let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
    match tx.database().kind() {
        DatabaseKind::Postgres => Expr::cust_with_values(
            "clock_timestamp() + $1 * interval '1 millisecond'",
            [millis],
        ),
        DatabaseKind::Sqlite => {
            let by = chrono::Duration::milliseconds(millis);
            Expr::value(tx.database().clock().steady() + by)
        }
    }
}

/// The present and as many seconds as a column says, as an expression.
pub(crate) fn after_column(tx: &impl OpenTransaction, column: &'static str) -> Expr {
    match tx.database().kind() {
        DatabaseKind::Postgres => Expr::cust("clock_timestamp()")
            .add(Expr::col(column).mul(Expr::cust("interval '1 second'"))),
        // The text form that the driver writes, so that texts compare as times do.
        DatabaseKind::Sqlite => Expr::cust_with_exprs(
            "strftime('%Y-%m-%dT%H:%M:%f+00:00', ?, ? || ' seconds')",
            [
                Expr::value(tx.database().clock().steady()),
                Expr::col(column),
            ],
        ),
    }
}

/// The present, read.
pub(crate) async fn read(tx: &impl OpenTransaction) -> Result<DateTime<Utc>, StorageError> {
    if tx.database().backend() == DbBackend::Sqlite {
        return Ok(tx.database().clock().steady());
    }
    let query = Query::select().expr(now(tx)).to_owned();
    let row = tx.connection().query_one(&query).await?;
    Ok(row.ok_or(StorageError::NotFound)?.try_get_by_index(0)?)
}

impl crate::SystemTx {
    /// The present by the clock that leases are measured by.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when the database is away.
    pub async fn database_time(&self) -> Result<DateTime<Utc>, StorageError> {
        read(self).await
    }
}
