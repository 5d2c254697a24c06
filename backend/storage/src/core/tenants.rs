//! Tenants: the customers of the product that runs on the platform.

use chrono::{DateTime, Utc};
use saas_domain::{Slug, TenantId};
use sea_orm::{
    ActiveValue::Set, DatabaseTransaction, QueryOrder as _, QuerySelect as _, entity::prelude::*,
    sea_query::ExprTrait as _,
};

use super::place::{Place, contains};
use crate::{StorageError, SystemTx, TenantTx, transaction::OpenTransaction as _};

/// Whether a tenant's requests are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TenantStatus {
    /// They are.
    Active,
    /// An operator stopped them.
    Suspended,
}

impl TenantStatus {
    /// The form in the database and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, StorageError> {
        match text {
            "active" => Ok(Self::Active),
            "suspended" => Ok(Self::Suspended),
            other => Err(StorageError::corrupt(
                "tenants.status",
                format!("`{other}`"),
            )),
        }
    }
}

/// A tenant.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Its identifier.
    pub id: TenantId,
    /// What it is called.
    pub name: String,
    /// Its short name, unique on the platform.
    pub slug: Slug,
    /// Whether its requests are served.
    pub status: TenantStatus,
    /// Counts changes, from 1.
    pub version: i64,
    /// When the row was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// Which tenants a list shows.
#[derive(Clone, Debug, Default)]
pub struct TenantFilter {
    /// Only the one with this slug.
    pub slug: Option<Slug>,
    /// Only those with this status.
    pub status: Option<TenantStatus>,
    /// Only those whose name or slug contains this, in any case.
    pub search: Option<String>,
}

/// Adds a tenant.
///
/// # Errors
/// [`StorageError::Conflict`] if another has the slug.
pub async fn insert(tx: &SystemTx, tenant: &Tenant) -> Result<(), StorageError> {
    let row = row::ActiveModel {
        id: Set(tenant.id.as_uuid()),
        name: Set(tenant.name.clone()),
        slug: Set(tenant.slug.as_str().to_owned()),
        status: Set(tenant.status.as_str().to_owned()),
        version: Set(tenant.version),
        created_at: Set(tenant.created_at),
        updated_at: Set(tenant.updated_at),
    };
    row::Entity::insert(row)
        .exec_without_returning(tx.connection())
        .await?;
    Ok(())
}

/// The tenant, if there is one.
pub async fn find(tx: &SystemTx, id: TenantId) -> Result<Option<Tenant>, StorageError> {
    find_row(tx.connection(), id).await
}

/// The transaction's own tenant.
pub async fn own(tx: &TenantTx) -> Result<Option<Tenant>, StorageError> {
    find_row(tx.connection(), tx.tenant()).await
}

async fn find_row(
    connection: &DatabaseTransaction,
    id: TenantId,
) -> Result<Option<Tenant>, StorageError> {
    let row = row::Entity::find_by_id(id.as_uuid())
        .one(connection)
        .await?;
    row.map(Tenant::try_from).transpose()
}

/// How many there are.
pub async fn count(tx: &SystemTx) -> Result<u64, StorageError> {
    Ok(row::Entity::find().count(tx.connection()).await?)
}

/// Whether a tenant has the slug.
pub async fn slug_is_taken(tx: &SystemTx, slug: &Slug) -> Result<bool, StorageError> {
    let found = row::Entity::find()
        .filter(row::Column::Slug.eq(slug.as_str()))
        .one(tx.connection())
        .await?;
    Ok(found.is_some())
}

/// Tenants in the order they were added.
pub async fn list(
    tx: &SystemTx,
    filter: &TenantFilter,
    place: Place<TenantId>,
) -> Result<Vec<Tenant>, StorageError> {
    let mut select = row::Entity::find().order_by(row::Column::Id, place.order());
    if let Some(slug) = &filter.slug {
        select = select.filter(row::Column::Slug.eq(slug.as_str()));
    }
    if let Some(status) = filter.status {
        select = select.filter(row::Column::Status.eq(status.as_str()));
    }
    if let Some(search) = &filter.search {
        let found = contains(Expr::col(row::Column::Name), search)
            .or(contains(Expr::col(row::Column::Slug), search));
        select = select.filter(found);
    }
    if let Some(beyond) = place.beyond(Expr::col(row::Column::Id)) {
        select = select.filter(beyond);
    }
    let rows = select.limit(place.limit()).all(tx.connection()).await?;
    rows.into_iter().map(Tenant::try_from).collect()
}

/// Every suspended tenant: what differs from the rule, for those who must know it.
pub async fn suspended(tx: &SystemTx) -> Result<Vec<TenantId>, StorageError> {
    let rows = row::Entity::find()
        .filter(row::Column::Status.eq(TenantStatus::Suspended.as_str()))
        .all(tx.connection())
        .await?;
    Ok(rows.into_iter().map(|row| row.id.into()).collect())
}

/// Renames a tenant if the row still has the version; false if it does not.
pub async fn rename(
    tx: &SystemTx,
    id: TenantId,
    version: i64,
    name: &str,
    now: DateTime<Utc>,
) -> Result<bool, StorageError> {
    update(tx.connection(), id, version, row::Column::Name, name, now).await
}

/// Renames the transaction's own tenant if the row still has the version; false if it does not.
pub async fn rename_own(
    tx: &TenantTx,
    version: i64,
    name: &str,
    now: DateTime<Utc>,
) -> Result<bool, StorageError> {
    let id = tx.tenant();
    update(tx.connection(), id, version, row::Column::Name, name, now).await
}

/// Sets the status if the row still has the version; false if it does not.
pub async fn set_status(
    tx: &SystemTx,
    id: TenantId,
    version: i64,
    status: TenantStatus,
    now: DateTime<Utc>,
) -> Result<bool, StorageError> {
    let value = status.as_str();
    update(
        tx.connection(),
        id,
        version,
        row::Column::Status,
        value,
        now,
    )
    .await
}

async fn update(
    connection: &DatabaseTransaction,
    id: TenantId,
    version: i64,
    column: row::Column,
    value: &str,
    now: DateTime<Utc>,
) -> Result<bool, StorageError> {
    let updated = row::Entity::update_many()
        .col_expr(column, Expr::value(value))
        .col_expr(row::Column::Version, Expr::value(version + 1))
        .col_expr(row::Column::UpdatedAt, Expr::value(now))
        .filter(row::Column::Id.eq(id.as_uuid()))
        .filter(row::Column::Version.eq(version))
        .exec(connection)
        .await?;
    Ok(updated.rows_affected == 1)
}

impl TryFrom<row::Model> for Tenant {
    type Error = StorageError;

    fn try_from(row: row::Model) -> Result<Self, StorageError> {
        let slug = row
            .slug
            .parse()
            .map_err(|error| StorageError::corrupt("tenants.slug", error))?;
        Ok(Self {
            id: row.id.into(),
            name: row.name,
            slug,
            status: TenantStatus::parse(&row.status)?,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

pub(super) mod row {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "tenants")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub name: String,
        pub slug: String,
        pub status: String,
        pub version: i64,
        pub created_at: DateTime<Utc>,
        pub updated_at: DateTime<Utc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
