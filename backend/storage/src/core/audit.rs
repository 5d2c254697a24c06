//! The audit log: who did what, written in the transaction that did it.

use chrono::{DateTime, Utc};
use saas_domain::{AuditEventId, TenantId, UserId};
use sea_orm::{
    ActiveValue::Set, DatabaseTransaction, QueryOrder as _, QuerySelect as _, entity::prelude::*,
};

use crate::{StorageError, SystemTx, TenantTx, transaction::OpenTransaction as _};

/// An entry.
#[derive(Clone, Debug)]
pub struct AuditEntry {
    /// Its identifier; later entries sort after earlier ones.
    pub id: AuditEventId,
    /// Whose log it is in; `None`: the platform's own.
    pub tenant_id: Option<TenantId>,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// What was done, `area.verb`.
    pub action: String,
    /// Who did it; `None`: the platform itself, or somebody unknown.
    pub actor_id: Option<UserId>,
    /// What it was done to.
    pub object_type: String,
    /// To which one.
    pub object_id: Option<String>,
    /// What else is worth knowing, as a JSON object.
    pub detail: serde_json::Value,
    /// Where the request came from.
    pub address: Option<String>,
    /// Which request it was.
    pub request_id: Option<String>,
}

/// Which entries a list shows.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Only this action.
    pub action: Option<String>,
    /// Only what this person did.
    pub actor_id: Option<UserId>,
}

/// Writes an entry into the log of the transaction's own tenant, whatever the entry says of it.
pub async fn write_own(tx: &TenantTx, entry: &AuditEntry) -> Result<(), StorageError> {
    write_row(tx.connection(), Some(tx.tenant()), entry).await
}

/// Writes an entry into the log it names.
pub async fn write(tx: &SystemTx, entry: &AuditEntry) -> Result<(), StorageError> {
    write_row(tx.connection(), entry.tenant_id, entry).await
}

async fn write_row(
    connection: &DatabaseTransaction,
    tenant: Option<TenantId>,
    entry: &AuditEntry,
) -> Result<(), StorageError> {
    let row = row::ActiveModel {
        id: Set(entry.id.as_uuid()),
        tenant_id: Set(tenant_column(tenant)),
        at: Set(entry.at),
        action: Set(entry.action.clone()),
        actor_id: Set(entry.actor_id.map(UserId::as_uuid)),
        object_type: Set(entry.object_type.clone()),
        object_id: Set(entry.object_id.clone()),
        detail: Set(entry.detail.clone()),
        address: Set(entry.address.clone()),
        request_id: Set(entry.request_id.clone()),
    };
    row::Entity::insert(row)
        .exec_without_returning(connection)
        .await?;
    Ok(())
}

/// Entries of the transaction's own tenant, newest first, before the one given.
pub async fn list_own(
    tx: &TenantTx,
    filter: &AuditFilter,
    before: Option<AuditEventId>,
    limit: u32,
) -> Result<Vec<AuditEntry>, StorageError> {
    let tenant = Some(tx.tenant());
    list_rows(tx.connection(), tenant, filter, before, limit).await
}

/// Entries of one log, newest first, before the one given; `None` is the platform's own.
pub async fn list(
    tx: &SystemTx,
    tenant: Option<TenantId>,
    filter: &AuditFilter,
    before: Option<AuditEventId>,
    limit: u32,
) -> Result<Vec<AuditEntry>, StorageError> {
    list_rows(tx.connection(), tenant, filter, before, limit).await
}

async fn list_rows(
    connection: &DatabaseTransaction,
    tenant: Option<TenantId>,
    filter: &AuditFilter,
    before: Option<AuditEventId>,
    limit: u32,
) -> Result<Vec<AuditEntry>, StorageError> {
    let mut select = row::Entity::find()
        .filter(row::Column::TenantId.eq(tenant_column(tenant)))
        .order_by_desc(row::Column::Id);
    if let Some(action) = &filter.action {
        select = select.filter(row::Column::Action.eq(action));
    }
    if let Some(actor) = filter.actor_id {
        select = select.filter(row::Column::ActorId.eq(actor.as_uuid()));
    }
    if let Some(before) = before {
        select = select.filter(row::Column::Id.lt(before.as_uuid()));
    }
    let rows = select.limit(u64::from(limit)).all(connection).await?;
    Ok(rows.into_iter().map(AuditEntry::from).collect())
}

/// The platform's own log has the nil identifier.
fn tenant_column(tenant: Option<TenantId>) -> Uuid {
    tenant.map_or(Uuid::nil(), TenantId::as_uuid)
}

impl From<row::Model> for AuditEntry {
    fn from(row: row::Model) -> Self {
        Self {
            id: row.id.into(),
            tenant_id: (!row.tenant_id.is_nil()).then(|| row.tenant_id.into()),
            at: row.at,
            action: row.action,
            actor_id: row.actor_id.map(UserId::from),
            object_type: row.object_type,
            object_id: row.object_id,
            detail: row.detail,
            address: row.address,
            request_id: row.request_id,
        }
    }
}

mod row {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "audit_events")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub tenant_id: Uuid,
        pub at: DateTime<Utc>,
        pub action: String,
        pub actor_id: Option<Uuid>,
        pub object_type: String,
        pub object_id: Option<String>,
        #[sea_orm(column_type = "JsonBinary")]
        pub detail: Json,
        pub address: Option<String>,
        pub request_id: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
