//! How often signing in failed lately, by e-mail address and by network address.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    entity::prelude::*,
    sea_query::{CaseStatement, ExprTrait as _, OnConflict},
};

use crate::{StorageError, SystemTx, transaction::OpenTransaction as _};

/// The count for one subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    /// When its window began.
    pub window_started_at: DateTime<Utc>,
    /// Attempts in the window that were not followed by success.
    pub failures: i64,
}

/// Counts an attempt before it is made, in one statement: however many come at once, each is told
/// its own count. A window that began before `cutoff` begins anew.
pub async fn count(
    tx: &SystemTx,
    subject: &str,
    now: DateTime<Utc>,
    cutoff: DateTime<Utc>,
) -> Result<Attempts, StorageError> {
    let column = |column: row::Column| Expr::col((row::Entity, column));
    let is_over =
        || sea_orm::sea_query::ExprTrait::lt(column(row::Column::WindowStartedAt), cutoff);
    let again = OnConflict::column(row::Column::Subject)
        .value(
            row::Column::Failures,
            CaseStatement::new()
                .case(is_over(), 1)
                .finally(column(row::Column::Failures).add(1)),
        )
        .value(
            row::Column::WindowStartedAt,
            CaseStatement::new()
                .case(is_over(), now)
                .finally(column(row::Column::WindowStartedAt)),
        )
        .to_owned();
    let row = row::ActiveModel {
        subject: Set(subject.to_owned()),
        window_started_at: Set(now),
        failures: Set(1),
    };
    let row = row::Entity::insert(row)
        .on_conflict(again)
        .exec_with_returning(tx.connection())
        .await?;
    Ok(Attempts {
        window_started_at: row.window_started_at,
        failures: row.failures,
    })
}

/// Takes one attempt back: it succeeded, or was never made.
pub async fn take_back(tx: &SystemTx, subject: &str) -> Result<(), StorageError> {
    row::Entity::update_many()
        .col_expr(
            row::Column::Failures,
            Expr::col(row::Column::Failures).sub(1),
        )
        .filter(row::Column::Subject.eq(subject))
        .filter(row::Column::Failures.gt(0))
        .exec(tx.connection())
        .await?;
    Ok(())
}

/// Forgets a subject's failures.
pub async fn clear(tx: &SystemTx, subject: &str) -> Result<(), StorageError> {
    row::Entity::delete_many()
        .filter(row::Column::Subject.eq(subject))
        .exec(tx.connection())
        .await?;
    Ok(())
}

/// Forgets windows that began before the given time.
pub async fn prune(tx: &SystemTx, before: DateTime<Utc>) -> Result<u64, StorageError> {
    let deleted = row::Entity::delete_many()
        .filter(row::Column::WindowStartedAt.lt(before))
        .exec(tx.connection())
        .await?;
    Ok(deleted.rows_affected)
}

mod row {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "sign_in_attempts")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub subject: String,
        pub window_started_at: DateTime<Utc>,
        pub failures: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
