//! Routes that people defined.

use chrono::{DateTime, Utc};
use saas_domain::{RouteId, ServiceName};
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{ActiveValue::Set, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::{Guarded, json, name, turns};
use crate::transaction::OpenTransaction as _;
use crate::{StorageError, SystemTx};

/// One route. The registry knows what its texts mean.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a column, and each is asked for by itself"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteRecord {
    /// Its identifier.
    pub id: RouteId,
    /// What people call it.
    pub name: Option<String>,
    /// Host names it answers to; empty: any.
    pub hosts: Vec<String>,
    /// The path's beginning.
    pub path: String,
    /// Methods it answers to; empty: any.
    pub methods: Vec<String>,
    /// Where it leads.
    pub service: ServiceName,
    /// Whether the path's beginning is taken away.
    pub strip_path: bool,
    /// Who may use it.
    pub access: String,
    /// A permission that the token must grant.
    pub required_permission: Option<String>,
    /// Whether stale trust closes it.
    pub strict: bool,
    /// Whether the client's token is passed on.
    pub forward_token: bool,
    /// False: as if it were not there.
    pub is_enabled: bool,
    /// Counts up with every change; 1 at first.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
}

pub(super) mod row {
    use sea_orm::entity::prelude::*;

    #[expect(
        clippy::struct_excessive_bools,
        reason = "each is a column, and each is asked for by itself"
    )]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "routes")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub name: Option<String>,
        pub hosts: Json,
        pub path: String,
        pub methods: Json,
        pub service: String,
        pub strip_path: bool,
        pub access: String,
        pub required_permission: Option<String>,
        pub strict: bool,
        pub forward_token: bool,
        pub is_enabled: bool,
        pub version: i64,
        pub created_at: DateTimeUtc,
        pub updated_at: DateTimeUtc,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

impl TryFrom<row::Model> for RouteRecord {
    type Error = StorageError;

    fn try_from(row: row::Model) -> Result<Self, StorageError> {
        Ok(Self {
            id: row.id.into(),
            name: row.name,
            hosts: json("a route's hosts", row.hosts)?,
            path: row.path,
            methods: json("a route's methods", row.methods)?,
            service: name("a route's service", &row.service)?,
            strip_path: row.strip_path,
            access: row.access,
            required_permission: row.required_permission,
            strict: row.strict,
            forward_token: row.forward_token,
            is_enabled: row.is_enabled,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

impl From<&RouteRecord> for row::ActiveModel {
    fn from(record: &RouteRecord) -> Self {
        Self {
            id: Set(record.id.as_uuid()),
            name: Set(record.name.clone()),
            hosts: Set(record.hosts.clone().into()),
            path: Set(record.path.clone()),
            methods: Set(record.methods.clone().into()),
            service: Set(record.service.to_string()),
            strip_path: Set(record.strip_path),
            access: Set(record.access.clone()),
            required_permission: Set(record.required_permission.clone()),
            strict: Set(record.strict),
            forward_token: Set(record.forward_token),
            is_enabled: Set(record.is_enabled),
            version: Set(record.version),
            created_at: Set(record.created_at),
            updated_at: Set(record.updated_at),
        }
    }
}

/// Makes whoever changes routes take turns until the transaction ends, so that two changes cannot
/// both find that they do not clash. On SQLite writers do anyway.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away, or the turn did not come within 5 s.
pub async fn take_turns(tx: &SystemTx) -> Result<(), StorageError> {
    turns::take(tx, turns::ROUTES).await
}

/// Every route.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn all(tx: &SystemTx) -> Result<Vec<RouteRecord>, StorageError> {
    let rows = row::Entity::find().all(tx.connection()).await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Those of the given routes that exist.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn identified(tx: &SystemTx, ids: &[RouteId]) -> Result<Vec<RouteRecord>, StorageError> {
    let ids = ids.iter().map(|id| id.as_uuid());
    let rows = row::Entity::find()
        .filter(Expr::col(row::Column::Id).is_in(ids))
        .all(tx.connection())
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Adds a route.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn add(tx: &SystemTx, route: &RouteRecord) -> Result<(), StorageError> {
    row::Entity::insert(row::ActiveModel::from(route))
        .exec_without_returning(tx.connection())
        .await?;
    Ok(())
}

/// Replaces the route that has the identifier and the version of `route`. The version counts up,
/// `updated_at` is the present, `created_at` stays.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn replace(
    tx: &SystemTx,
    route: &RouteRecord,
) -> Result<Guarded<RouteRecord>, StorageError> {
    let wanted = RouteRecord {
        version: route.version + 1,
        updated_at: tx.now(),
        ..route.clone()
    };
    let result = row::Entity::update_many()
        .set(row::ActiveModel {
            created_at: sea_orm::ActiveValue::NotSet,
            ..row::ActiveModel::from(&wanted)
        })
        .filter(Expr::col(row::Column::Id).eq(route.id.as_uuid()))
        .filter(Expr::col(row::Column::Version).eq(route.version))
        .exec(tx.connection())
        .await?;
    outcome(tx, route.id, result.rows_affected == 1).await
}

/// Removes the route if it still has the expected version, or whatever version it has if none is
/// expected.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn remove(
    tx: &SystemTx,
    id: RouteId,
    expected: Option<i64>,
) -> Result<Guarded<RouteRecord>, StorageError> {
    let found = identified(tx, &[id]).await?.pop();
    let Some(route) = found else {
        return Ok(Guarded::Missing);
    };
    let mut delete =
        row::Entity::delete_many().filter(Expr::col(row::Column::Id).eq(Uuid::from(id)));
    if let Some(expected) = expected {
        delete = delete.filter(Expr::col(row::Column::Version).eq(expected));
    }
    if delete.exec(tx.connection()).await?.rows_affected == 1 {
        Ok(Guarded::Done(route))
    } else {
        outcome(tx, id, false).await
    }
}

async fn outcome(
    tx: &SystemTx,
    id: RouteId,
    is_done: bool,
) -> Result<Guarded<RouteRecord>, StorageError> {
    Ok(match (is_done, identified(tx, &[id]).await?.pop()) {
        (true, Some(route)) => Guarded::Done(route),
        (false, Some(route)) => Guarded::Stale(route),
        (_, None) => Guarded::Missing,
    })
}
