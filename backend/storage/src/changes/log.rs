//! Reading the log, and forgetting its old end.

use chrono::Duration;
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{ConnectionTrait, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect};

use super::{ChangeStream, row};
use crate::transaction::OpenTransaction as _;
use crate::{Database, StorageError, installation};

/// A place in the log. Numbers of different epochs do not compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangePosition {
    /// The installation's epoch.
    pub epoch: i64,
    /// The number of the last change seen; 0 before the first.
    pub number: i64,
}

/// That something changed. What it is now stands in its own table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its place in the stream, without gaps.
    pub number: i64,
    /// What changed, such as `service:orders`.
    pub subject: String,
}

/// What the log knows since a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changes {
    /// Every change since, oldest first; none if the position is the latest.
    Complete(Vec<Change>),
    /// The log begins later, ends earlier, or belongs to another epoch: start over from the
    /// tables.
    Forgotten,
}

/// One stream's log.
#[derive(Clone, Debug)]
pub struct ChangeLog {
    database: Database,
    stream: ChangeStream,
}

impl ChangeLog {
    pub(super) fn new(database: Database, stream: ChangeStream) -> Self {
        Self { database, stream }
    }

    /// The position of the newest change. Read it before the tables: what changes in between is
    /// then seen twice rather than never.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when the database is away.
    pub async fn latest(&self) -> Result<ChangePosition, StorageError> {
        self.database.installation().await?;
        let tx = self.database.system_read("changes.latest").await?;
        let installation = installation::find(&tx).await?;
        Ok(ChangePosition {
            epoch: installation.ok_or(StorageError::NotFound)?.epoch,
            number: latest_number(tx.connection(), self.stream).await?,
        })
    }

    /// At most `limit` changes after `position`.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when the database is away.
    pub async fn since(
        &self,
        position: ChangePosition,
        limit: u64,
    ) -> Result<Changes, StorageError> {
        let tx = self.database.system_read("changes.since").await?;
        let epoch = installation::find(&tx).await?.map(|found| found.epoch);
        if epoch != Some(position.epoch) {
            return Ok(Changes::Forgotten);
        }
        // The change at the position itself proves that nothing was cut off behind it.
        let rows = row::Entity::find()
            .filter(Expr::col(row::Column::Stream).eq(self.stream.as_str()))
            .filter(Expr::col(row::Column::Number).gte(position.number))
            .order_by(row::Column::Number, Order::Asc)
            .limit(limit.saturating_add(1))
            .all(tx.connection())
            .await?;
        let is_known = match rows.first() {
            Some(first) => first.number <= position.number + 1,
            None => position.number == 0,
        };
        if !is_known {
            return Ok(Changes::Forgotten);
        }
        let unseen = rows.into_iter().filter(|row| row.number > position.number);
        Ok(Changes::Complete(
            unseen
                .map(|row| Change {
                    number: row.number,
                    subject: row.subject,
                })
                .collect(),
        ))
    }

    /// Forgets changes older than `age`, but never the newest: numbers go on from it. Returns how
    /// many were forgotten.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when the database is away.
    pub async fn prune(&self, age: Duration) -> Result<u64, StorageError> {
        let tx = self.database.system("changes.prune").await?;
        let newest = latest_number(tx.connection(), self.stream).await?;
        let result = row::Entity::delete_many()
            .filter(Expr::col(row::Column::Stream).eq(self.stream.as_str()))
            .filter(Expr::col(row::Column::Number).lt(newest))
            .filter(Expr::col(row::Column::CreatedAt).lt(tx.now() - age))
            .exec(tx.connection())
            .await?;
        tx.commit().await?;
        Ok(result.rows_affected)
    }
}

/// The number of the newest change; 0 before the first.
pub(super) async fn latest_number(
    connection: &impl ConnectionTrait,
    stream: ChangeStream,
) -> Result<i64, StorageError> {
    let newest = row::Entity::find()
        .select_only()
        .column(row::Column::Number)
        .filter(Expr::col(row::Column::Stream).eq(stream.as_str()))
        .order_by(row::Column::Number, Order::Desc)
        .limit(1)
        .into_tuple::<i64>()
        .one(connection)
        .await?;
    Ok(newest.unwrap_or(0))
}
