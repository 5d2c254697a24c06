//! Which installation this is.

use chrono::{DateTime, Utc};
use saas_domain::{Clock, Random};
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{ActiveValue::Set, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::transaction::OpenTransaction;
use crate::{Database, StorageError, SystemTx};

/// Identifies the installation and the stretch of its history that is uncut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Installation {
    /// Made once; keys that encrypt stored secrets are derived from it.
    pub id: Uuid,
    /// Begins anew when a backup is restored: numbers of the change log given out before then mean
    /// nothing after it. Milliseconds since the Unix epoch, so that restoring one backup twice
    /// begins two.
    pub epoch: i64,
    /// When the installation was made.
    pub created_at: DateTime<Utc>,
}

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "installation")]
    pub(super) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub single: i32,
        pub epoch: i64,
        pub created_at: DateTimeUtc,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

impl Database {
    /// The installation, made at the first call on a new database. Read once, then remembered; the
    /// epoch is looked at again by whoever reads the change log.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when the database is away.
    pub async fn installation(&self) -> Result<Installation, StorageError> {
        self.installation_cell()
            .get_or_try_init(|| self.find_or_make_installation())
            .await
            .copied()
    }

    /// The installation as it is in the database; `None` on one that was never used. For whoever
    /// looks and changes nothing.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when the database is away.
    pub async fn installation_if_any(&self) -> Result<Option<Installation>, StorageError> {
        let tx = self.system_read("installation.look").await?;
        find(&tx).await
    }

    /// Cuts the history: every follower of a stream starts over with a snapshot. For a restore.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when the database is away.
    pub async fn begin_epoch(&self) -> Result<Installation, StorageError> {
        let tx = self.system("installation.begin_epoch").await?;
        let begun = tx.begin_epoch().await?;
        tx.commit().await?;
        Ok(begun)
    }

    async fn find_or_make_installation(&self) -> Result<Installation, StorageError> {
        let tx = self.system_read("installation.find").await?;
        if let Some(installation) = find(&tx).await? {
            return Ok(installation);
        }
        drop(tx);
        let tx = self.system("installation.make").await?;
        let installation = find_or_make(&tx).await?;
        tx.commit().await?;
        Ok(installation)
    }
}

impl SystemTx {
    /// Cuts the history with whatever else this transaction does: see [`Database::begin_epoch`].
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when the database is away.
    pub async fn begin_epoch(&self) -> Result<Installation, StorageError> {
        let before = find_or_make(self).await?;
        let epoch = Ord::max(before.epoch + 1, self.now().timestamp_millis());
        row::Entity::update_many()
            .col_expr(row::Column::Epoch, Expr::value(epoch))
            .filter(Expr::col(row::Column::Id).eq(before.id))
            .exec(self.connection())
            .await?;
        Ok(Installation { epoch, ..before })
    }
}

/// The row as it is now; `None` on a database that was never used.
pub(crate) async fn find(tx: &SystemTx) -> Result<Option<Installation>, StorageError> {
    let row = row::Entity::find().one(tx.connection()).await?;
    Ok(row.map(|row| Installation {
        id: row.id,
        epoch: row.epoch,
        created_at: row.created_at,
    }))
}

async fn find_or_make(tx: &SystemTx) -> Result<Installation, StorageError> {
    let now = tx.now();
    row::Entity::insert(row::ActiveModel {
        id: Set(new_id(tx.clock(), tx.random())),
        single: Set(1),
        epoch: Set(now.timestamp_millis()),
        created_at: Set(now),
    })
    .on_conflict(
        OnConflict::column(row::Column::Single)
            .do_nothing()
            .to_owned(),
    )
    .exec_without_returning(tx.connection())
    .await?;
    find(tx).await?.ok_or(StorageError::NotFound)
}

pub(crate) fn new_id(clock: &Clock, random: &Random) -> Uuid {
    // Any of the identifiers is a UUIDv7 from the injected sources.
    saas_domain::AuditEventId::generate(clock, random).as_uuid()
}
