//! Who leads: one holder at a time, by a lease in the database.

use std::time::Duration;

use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict, Query};
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::transaction::OpenTransaction as _;
use crate::{Database, StorageError, time};

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "leases")]
    pub(super) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub holder: Uuid,
        pub expires_at: DateTimeUtc,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

impl Database {
    /// Takes or renews the lease `name` for `period`, and tells whether `holder` has it now. One
    /// conditional statement, by the database's clock: two can never hold it at once, unless one
    /// believes in it for longer than `period` after it asked.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when the database is away: the holder must then stop leading
    /// when its period ends.
    pub async fn try_lead(
        &self,
        name: &str,
        holder: Uuid,
        period: Duration,
    ) -> Result<bool, StorageError> {
        let tx = self.system("leader.try").await?;
        let mine_or_over = Expr::col((row::Entity, row::Column::Holder))
            .eq(holder)
            .or(Expr::col((row::Entity, row::Column::ExpiresAt)).lte(time::now(&tx)));
        let mut statement = Query::insert();
        statement
            .into_table(row::Entity)
            .columns([
                row::Column::Name,
                row::Column::Holder,
                row::Column::ExpiresAt,
            ])
            .values([name.into(), holder.into(), time::after(&tx, period)])
            .map_err(|error| StorageError::Other(error.into()))?
            .on_conflict(
                OnConflict::column(row::Column::Name)
                    .update_columns([row::Column::Holder, row::Column::ExpiresAt])
                    .action_and_where(mine_or_over)
                    .to_owned(),
            );
        let result = tx.connection().execute(&statement).await?;
        tx.commit().await?;
        Ok(result.rows_affected() == 1)
    }

    /// Gives the lease up, so that the next holder need not wait for its end.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when the database is away.
    pub async fn resign(&self, name: &str, holder: Uuid) -> Result<(), StorageError> {
        let tx = self.system("leader.resign").await?;
        row::Entity::delete_many()
            .filter(Expr::col(row::Column::Name).eq(name))
            .filter(Expr::col(row::Column::Holder).eq(holder))
            .exec(tx.connection())
            .await?;
        tx.commit().await
    }
}
