//! Services: a name, and whether an operator took it out.

use std::time::Duration;

use chrono::{DateTime, Utc};
use saas_domain::ServiceName;
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict, Query};
use sea_orm::{ActiveValue::Set, EntityTrait, QueryFilter};

use super::{Guarded, instances, name, routes};
use crate::transaction::OpenTransaction as _;
use crate::{StorageError, SystemTx};

/// One service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRecord {
    /// Its name.
    pub name: ServiceName,
    /// False: an operator took it out.
    pub is_active: bool,
    /// What its last registration declared for the gateway; the registry knows the form.
    pub gateway: serde_json::Value,
    /// Counts up with every change of the service itself; 1 at first.
    pub version: i64,
    /// When its first instance registered.
    pub created_at: DateTime<Utc>,
    /// When it was changed last, or an instance came or went.
    pub updated_at: DateTime<Utc>,
}

pub(super) mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "services")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub is_active: bool,
        pub gateway: Json,
        pub version: i64,
        pub created_at: DateTimeUtc,
        pub updated_at: DateTimeUtc,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

impl TryFrom<row::Model> for ServiceRecord {
    type Error = StorageError;

    fn try_from(row: row::Model) -> Result<Self, StorageError> {
        Ok(Self {
            name: name("a service's name", &row.name)?,
            is_active: row.is_active,
            gateway: row.gateway,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// Every service.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn all(tx: &SystemTx) -> Result<Vec<ServiceRecord>, StorageError> {
    let rows = row::Entity::find().all(tx.connection()).await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Those of the named services that exist.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn named(
    tx: &SystemTx,
    names: &[ServiceName],
) -> Result<Vec<ServiceRecord>, StorageError> {
    let names = names.iter().map(ServiceName::as_str);
    let rows = row::Entity::find()
        .filter(Expr::col(row::Column::Name).is_in(names))
        .all(tx.connection())
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Makes the service unless it is there, and marks it as in use now.
///
/// It comes before anything about its instances: whoever changes both locks the service first, so
/// that two can never wait for each other, and [`forget_idle`] cannot take it away in between.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn ensure(tx: &SystemTx, service: &ServiceName) -> Result<(), StorageError> {
    let now = tx.now();
    row::Entity::insert(row::ActiveModel {
        name: Set(service.to_string()),
        is_active: Set(true),
        gateway: Set(serde_json::json!({})),
        version: Set(1),
        created_at: Set(now),
        updated_at: Set(now),
    })
    .on_conflict(
        OnConflict::column(row::Column::Name)
            .update_column(row::Column::UpdatedAt)
            .to_owned(),
    )
    .exec_without_returning(tx.connection())
    .await?;
    Ok(())
}

/// Takes a service out or puts it back, if it still has the expected version, or whatever version
/// it has if none is expected.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn set_active(
    tx: &SystemTx,
    service: &ServiceName,
    is_active: bool,
    expected: Option<i64>,
) -> Result<Guarded<ServiceRecord>, StorageError> {
    let mut update = row::Entity::update_many()
        .col_expr(row::Column::IsActive, Expr::value(is_active))
        .col_expr(row::Column::Version, Expr::col(row::Column::Version).add(1))
        .col_expr(row::Column::UpdatedAt, Expr::value(tx.now()))
        .filter(Expr::col(row::Column::Name).eq(service.as_str()));
    if let Some(expected) = expected {
        update = update.filter(Expr::col(row::Column::Version).eq(expected));
    }
    let done = update.exec(tx.connection()).await?.rows_affected == 1;
    let found = named(tx, std::slice::from_ref(service)).await?.pop();
    Ok(match (done, found) {
        (true, Some(service)) => Guarded::Done(service),
        (false, Some(service)) => Guarded::Stale(service),
        (_, None) => Guarded::Missing,
    })
}

/// Forgets services that nothing holds any more: no instance, no route, active, and unchanged for
/// `age`. Returns their names.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn forget_idle(tx: &SystemTx, age: Duration) -> Result<Vec<ServiceName>, StorageError> {
    let age = chrono::Duration::from_std(age).unwrap_or(chrono::Duration::MAX);
    let has_instances = Query::select()
        .expr(Expr::value(1))
        .from(instances::row::Entity)
        .and_where(
            Expr::col((instances::row::Entity, instances::row::Column::Service))
                .equals((row::Entity, row::Column::Name)),
        )
        .to_owned();
    let has_routes = Query::select()
        .expr(Expr::value(1))
        .from(routes::row::Entity)
        .and_where(
            Expr::col((routes::row::Entity, routes::row::Column::Service))
                .equals((row::Entity, row::Column::Name)),
        )
        .to_owned();
    let gone = row::Entity::delete_many()
        .filter(Expr::col(row::Column::IsActive).eq(true))
        .filter(Expr::col(row::Column::UpdatedAt).lt(tx.now() - age))
        .filter(Expr::exists(has_instances).not())
        .filter(Expr::exists(has_routes).not())
        .exec_with_returning(tx.connection())
        .await?;
    gone.iter()
        .map(|row| name("a service's name", &row.name))
        .collect()
}

/// Keeps what a registration declared for the gateway.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn declare(
    tx: &SystemTx,
    service: &ServiceName,
    gateway: &serde_json::Value,
) -> Result<(), StorageError> {
    row::Entity::update_many()
        .col_expr(row::Column::Gateway, Expr::value(gateway.clone()))
        .filter(Expr::col(row::Column::Name).eq(service.as_str()))
        .exec(tx.connection())
        .await?;
    Ok(())
}

/// Marks services as in use now, so that [`forget_idle`] counts from here. Like [`ensure`], before
/// anything about their instances.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn touch(tx: &SystemTx, names: &[ServiceName]) -> Result<(), StorageError> {
    row::Entity::update_many()
        .col_expr(row::Column::UpdatedAt, Expr::value(tx.now()))
        .filter(Expr::col(row::Column::Name).is_in(names.iter().map(ServiceName::as_str)))
        .exec(tx.connection())
        .await?;
    Ok(())
}
