//! Whose tokens tell an old story: rights changed after they were issued.

use chrono::{DateTime, Utc};
use saas_domain::{TenantId, UserId};
use sea_orm::{
    ActiveValue::Set, Condition, DatabaseTransaction, entity::prelude::*, sea_query::OnConflict,
};

use crate::{StorageError, SystemTx, TenantTx, transaction::OpenTransaction as _};

/// Tokens of a person that were issued too early to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaleTokens {
    /// The person.
    pub user_id: UserId,
    /// Only tokens of this tenant; `None`: of any and of none.
    pub tenant_id: Option<TenantId>,
    /// Tokens issued before this, in milliseconds since the Unix epoch, are refused.
    pub issued_before_ms: i64,
    /// When the last of those tokens has ended.
    pub until: DateTime<Utc>,
}

/// Makes a member's tokens of the transaction's own tenant stale.
pub async fn mark_member(
    tx: &TenantTx,
    user_id: UserId,
    issued_before_ms: i64,
    until: DateTime<Utc>,
) -> Result<(), StorageError> {
    let stale = StaleTokens {
        user_id,
        tenant_id: Some(tx.tenant()),
        issued_before_ms,
        until,
    };
    upsert(tx.connection(), &stale).await
}

/// Makes tokens stale.
pub async fn mark(tx: &SystemTx, stale: &StaleTokens) -> Result<(), StorageError> {
    upsert(tx.connection(), stale).await
}

async fn upsert(connection: &DatabaseTransaction, stale: &StaleTokens) -> Result<(), StorageError> {
    let row = row::ActiveModel {
        user_id: Set(stale.user_id.as_uuid()),
        tenant_id: Set(tenant_column(stale.tenant_id)),
        issued_before_ms: Set(stale.issued_before_ms),
        until: Set(stale.until),
    };
    let newer = OnConflict::columns([row::Column::UserId, row::Column::TenantId])
        .update_columns([row::Column::IssuedBeforeMs, row::Column::Until])
        .to_owned();
    row::Entity::insert(row)
        .on_conflict(newer)
        .exec_without_returning(connection)
        .await?;
    Ok(())
}

/// Everything stale at `now`.
pub async fn all(tx: &SystemTx, now: DateTime<Utc>) -> Result<Vec<StaleTokens>, StorageError> {
    let rows = row::Entity::find()
        .filter(row::Column::Until.gt(now))
        .all(tx.connection())
        .await?;
    Ok(rows.into_iter().map(StaleTokens::from).collect())
}

/// What is stale of the given people and tenants.
pub async fn of(
    tx: &SystemTx,
    subjects: &[(UserId, Option<TenantId>)],
) -> Result<Vec<StaleTokens>, StorageError> {
    let mut any = Condition::any();
    for (user, tenant) in subjects {
        any = any.add(
            Condition::all()
                .add(row::Column::UserId.eq(user.as_uuid()))
                .add(row::Column::TenantId.eq(tenant_column(*tenant))),
        );
    }
    if subjects.is_empty() {
        return Ok(Vec::new());
    }
    let rows = row::Entity::find().filter(any).all(tx.connection()).await?;
    Ok(rows.into_iter().map(StaleTokens::from).collect())
}

/// Forgets what ended before the given time.
pub async fn prune(tx: &SystemTx, before: DateTime<Utc>) -> Result<u64, StorageError> {
    let deleted = row::Entity::delete_many()
        .filter(row::Column::Until.lt(before))
        .exec(tx.connection())
        .await?;
    Ok(deleted.rows_affected)
}

/// The nil identifier stands for every tenant and for none: a key cannot hold null.
fn tenant_column(tenant: Option<TenantId>) -> Uuid {
    tenant.map_or(Uuid::nil(), TenantId::as_uuid)
}

impl From<row::Model> for StaleTokens {
    fn from(row: row::Model) -> Self {
        Self {
            user_id: row.user_id.into(),
            tenant_id: (!row.tenant_id.is_nil()).then(|| row.tenant_id.into()),
            issued_before_ms: row.issued_before_ms,
            until: row.until,
        }
    }
}

mod row {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "stale_tokens")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub user_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: Uuid,
        pub issued_before_ms: i64,
        pub until: DateTime<Utc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
