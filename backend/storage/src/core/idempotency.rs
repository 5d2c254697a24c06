//! Answers kept for callers that repeat a call with the same `Idempotency-Key`.

use chrono::{DateTime, Utc};
use saas_domain::TenantId;
use sea_orm::{
    ActiveValue::Set,
    TryInsertResult,
    entity::prelude::*,
    sea_query::{ExprTrait as _, OnConflict, Query},
};

use crate::{StorageError, SystemTx, transaction::OpenTransaction as _};

/// Who used which key.
#[derive(Clone, Debug)]
pub struct KeyRef {
    /// The caller's tenant, if they act in one.
    pub tenant_id: Option<TenantId>,
    /// The caller: keys of different callers never meet.
    pub scope: String,
    /// SHA-256 of the key.
    pub digest: [u8; 32],
}

/// What is kept under a key.
#[derive(Clone, Debug)]
pub struct KeptAnswer {
    /// SHA-256 of the request that was answered.
    pub request: Vec<u8>,
    /// The status and the sealed body; `None` only within the transaction that claimed the key.
    pub answer: Option<(u16, Vec<u8>)>,
}

/// Claims a key for the transaction's life; false if it was used before. On PostgreSQL a second
/// caller waits here until the first has committed or failed.
pub async fn claim(
    tx: &SystemTx,
    key: &KeyRef,
    request: &[u8; 32],
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<bool, StorageError> {
    let row = row::ActiveModel {
        tenant_id: Set(tenant_column(key.tenant_id)),
        scope: Set(key.scope.clone()),
        digest: Set(key.digest.to_vec()),
        request: Set(request.to_vec()),
        status: Set(None),
        answer: Set(None),
        created_at: Set(now),
        expires_at: Set(expires_at),
    };
    let keep = OnConflict::columns([
        row::Column::TenantId,
        row::Column::Scope,
        row::Column::Digest,
    ])
    .do_nothing()
    .to_owned();
    let inserted = row::Entity::insert(row)
        .on_conflict(keep)
        .try_insert()
        .exec_without_returning(tx.connection())
        .await?;
    Ok(matches!(inserted, TryInsertResult::Inserted(1..)))
}

/// Keeps the answer under a key that this transaction claimed.
pub async fn keep(
    tx: &SystemTx,
    key: &KeyRef,
    status: u16,
    sealed: Vec<u8>,
) -> Result<(), StorageError> {
    row::Entity::update_many()
        .col_expr(row::Column::Status, Expr::value(i16::try_from(status).ok()))
        .col_expr(row::Column::Answer, Expr::value(sealed))
        .filter(row::Column::TenantId.eq(tenant_column(key.tenant_id)))
        .filter(row::Column::Scope.eq(&key.scope))
        .filter(row::Column::Digest.eq(key.digest.to_vec()))
        .exec(tx.connection())
        .await?;
    Ok(())
}

/// What is kept under the key, if it was used and is not forgotten.
pub async fn find(tx: &SystemTx, key: &KeyRef) -> Result<Option<KeptAnswer>, StorageError> {
    let id = (
        tenant_column(key.tenant_id),
        key.scope.clone(),
        key.digest.to_vec(),
    );
    let row = row::Entity::find_by_id(id).one(tx.connection()).await?;
    Ok(row.map(|row| KeptAnswer {
        request: row.request,
        answer: row
            .status
            .and_then(|status| u16::try_from(status).ok())
            .zip(row.answer),
    }))
}

/// Forgets keys that ended before the given time, a thousand at most.
pub async fn prune(tx: &SystemTx, before: DateTime<Utc>) -> Result<u64, StorageError> {
    let columns = [
        row::Column::TenantId,
        row::Column::Scope,
        row::Column::Digest,
    ];
    let old = Query::select()
        .columns(columns)
        .from(row::Entity)
        .and_where(row::Column::ExpiresAt.lt(before))
        .limit(1000)
        .to_owned();
    let keys = Expr::tuple(columns.map(Expr::col));
    let deleted = row::Entity::delete_many()
        .filter(keys.in_subquery(old))
        .exec(tx.connection())
        .await?;
    Ok(deleted.rows_affected)
}

fn tenant_column(tenant: Option<TenantId>) -> Uuid {
    tenant.map_or(Uuid::nil(), TenantId::as_uuid)
}

mod row {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "idempotency_keys")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub scope: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub digest: Vec<u8>,
        pub request: Vec<u8>,
        pub status: Option<i16>,
        pub answer: Option<Vec<u8>>,
        pub created_at: DateTime<Utc>,
        pub expires_at: DateTime<Utc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
