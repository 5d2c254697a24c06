//! Instances and their leases, which the database's clock measures.

mod lease;
pub(super) mod row;

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use saas_domain::{InstanceId, ServiceName};
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{EntityTrait, Iterable as _, QueryFilter};

use crate::transaction::OpenTransaction as _;
use crate::{StorageError, SystemTx, time};

pub use lease::{expire, renew, services_with_expired};

/// Which instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceKey {
    /// Its service.
    pub service: ServiceName,
    /// Unique within the service.
    pub id: InstanceId,
}

/// What an instance or an operator wants of it. Whether its check passes is another matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceState {
    /// It takes requests, if its check passes.
    Up,
    /// It asked to get no requests for now.
    Down,
    /// It is leaving.
    Draining,
}

impl InstanceState {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Draining => "draining",
        }
    }
}

/// One running copy of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceRecord {
    /// Which one.
    pub key: InstanceKey,
    /// A host name or an IP address.
    pub address: String,
    /// 1 to 65535.
    pub port: u16,
    /// How to speak to it.
    pub scheme: String,
    /// The version it says it is.
    pub version: Option<String>,
    /// Where it runs.
    pub zone: Option<String>,
    /// Its share of requests.
    pub weight: u16,
    /// Free labels.
    pub tags: Vec<String>,
    /// Free pairs.
    pub metadata: BTreeMap<String, String>,
    /// What it declares for the gateway; the registry knows the form.
    pub gateway: serde_json::Value,
    /// What is wanted of it.
    pub state: InstanceState,
    /// Its health check, if it has one; the registry knows the form.
    pub check: Option<serde_json::Value>,
    /// What the last check said; `None` before the first.
    pub check_passing: Option<bool>,
    /// Seconds from one renewal to the end.
    pub lease_seconds: u32,
    /// When it is forgotten unless renewed, by the database's clock.
    pub lease_expires_at: DateTime<Utc>,
    /// When it registered first under this identifier.
    pub registered_at: DateTime<Utc>,
    /// When anything but its lease changed last.
    pub updated_at: DateTime<Utc>,
}

/// What [`register`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The instance as it is stored now.
    pub instance: InstanceRecord,
    /// False: it was there, exactly so, and only its lease was renewed.
    pub is_changed: bool,
}

/// Every instance.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn all(tx: &SystemTx) -> Result<Vec<InstanceRecord>, StorageError> {
    let rows = row::Entity::find().all(tx.connection()).await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// The instances of the named services.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn of_services(
    tx: &SystemTx,
    names: &[ServiceName],
) -> Result<Vec<InstanceRecord>, StorageError> {
    let names = names.iter().map(ServiceName::as_str);
    let rows = row::Entity::find()
        .filter(Expr::col(row::Column::Service).is_in(names))
        .all(tx.connection())
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// One instance, if it is there.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn find(
    tx: &SystemTx,
    key: &InstanceKey,
) -> Result<Option<InstanceRecord>, StorageError> {
    let row = row::Entity::find_by_id((key.service.to_string(), key.id.to_string()))
        .one(tx.connection())
        .await?;
    row.map(TryInto::try_into).transpose()
}

/// Adds the instance or replaces the one of the same identifier, and begins its lease. The times in
/// `wanted` are not looked at. The service must exist.
///
/// A drain ends with it: who registers is a process that begins, since those that run renew.
///
/// What the last check said is kept where neither the check nor what it connects to changed.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away, [`StorageError::Conflict`] when there
/// is no such service.
pub async fn register(tx: &SystemTx, wanted: InstanceRecord) -> Result<Registration, StorageError> {
    let before = find(tx, &wanted.key).await?;
    let now = time::read(tx).await?;
    let mut instance = InstanceRecord {
        check_passing: None,
        lease_expires_at: now + Duration::seconds(i64::from(wanted.lease_seconds)),
        registered_at: now,
        updated_at: now,
        ..wanted
    };
    let mut is_changed = true;
    if let Some(before) = before {
        instance.registered_at = before.registered_at;
        if instance.is_reached_like(&before) {
            instance.check_passing = before.check_passing;
        }
        if instance.says_the_same_as(&before) {
            instance.updated_at = before.updated_at;
            is_changed = false;
        }
    }
    let key = [row::Column::Service, row::Column::Id];
    let is_key = |c: &row::Column| matches!(c, row::Column::Service | row::Column::Id);
    let others = row::Column::iter().filter(|column| !is_key(column));
    row::Entity::insert(row::ActiveModel::from(&instance))
        .on_conflict(OnConflict::columns(key).update_columns(others).to_owned())
        .exec_without_returning(tx.connection())
        .await?;
    Ok(Registration {
        instance,
        is_changed,
    })
}

/// Takes an instance out of use and keeps its lease for at least `keep`, for it may send no more
/// heartbeats while it finishes. False if it was draining already, or there is no such instance.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn drain(
    tx: &SystemTx,
    key: &InstanceKey,
    keep: std::time::Duration,
) -> Result<bool, StorageError> {
    let lease_ends = row::Entity::update_many()
        .col_expr(row::Column::LeaseExpiresAt, time::after(tx, keep))
        .filter(row::is(key))
        .filter(Expr::col(row::Column::LeaseExpiresAt).lt(time::after(tx, keep)));
    lease_ends.exec(tx.connection()).await?;
    let draining = InstanceState::Draining.as_str();
    let result = row::Entity::update_many()
        .col_expr(row::Column::Status, Expr::value(draining))
        .col_expr(row::Column::UpdatedAt, time::now(tx))
        .filter(row::is(key))
        .filter(Expr::col(row::Column::Status).ne(draining))
        .exec(tx.connection())
        .await?;
    Ok(result.rows_affected == 1)
}

/// Puts an instance back into use that was draining, and begins its lease anew: the drain may have
/// kept it for longer, and one that sends no heartbeats any more is not to get requests until then.
/// False if it was not draining, or there is no such instance.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn undrain(tx: &SystemTx, key: &InstanceKey) -> Result<bool, StorageError> {
    let lease_ends = time::after_column(tx, "lease_seconds");
    let result = row::Entity::update_many()
        .col_expr(row::Column::Status, Expr::value(InstanceState::Up.as_str()))
        .col_expr(row::Column::LeaseExpiresAt, lease_ends)
        .col_expr(row::Column::UpdatedAt, time::now(tx))
        .filter(row::is(key))
        .filter(Expr::col(row::Column::Status).eq(InstanceState::Draining.as_str()))
        .exec(tx.connection())
        .await?;
    Ok(result.rows_affected == 1)
}

/// Notes what a check said, if the instance is still the one that was checked: same address, same
/// port. False if nothing changed.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn set_check(
    tx: &SystemTx,
    checked: &InstanceRecord,
    is_passing: bool,
) -> Result<bool, StorageError> {
    let result = row::Entity::update_many()
        .col_expr(row::Column::CheckPassing, Expr::value(is_passing))
        .col_expr(row::Column::UpdatedAt, time::now(tx))
        .filter(row::is(&checked.key))
        .filter(Expr::col(row::Column::Address).eq(&checked.address))
        .filter(Expr::col(row::Column::Port).eq(i32::from(checked.port)))
        .filter(
            Expr::col(row::Column::CheckPassing)
                .is_null()
                .or(Expr::col(row::Column::CheckPassing).ne(is_passing)),
        )
        .exec(tx.connection())
        .await?;
    Ok(result.rows_affected == 1)
}

/// Removes the instance. False if it was not there.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn remove(tx: &SystemTx, key: &InstanceKey) -> Result<bool, StorageError> {
    let result = row::Entity::delete_many()
        .filter(row::is(key))
        .exec(tx.connection())
        .await?;
    Ok(result.rows_affected == 1)
}

impl InstanceRecord {
    /// Whether a check of the one is a check of the other.
    fn is_reached_like(&self, other: &Self) -> bool {
        (&self.address, self.port, &self.scheme, &self.check)
            == (&other.address, other.port, &other.scheme, &other.check)
    }

    /// Whether the two differ in nothing but times.
    fn says_the_same_as(&self, other: &Self) -> bool {
        let timeless = |record: &Self| Self {
            lease_expires_at: DateTime::UNIX_EPOCH,
            registered_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
            ..record.clone()
        };
        timeless(self) == timeless(other)
    }
}
