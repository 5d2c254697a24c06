//! What each gateway last reported, for every replica of the registry to see.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{ActiveValue::Set, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::json;
use crate::transaction::OpenTransaction as _;
use crate::{ChangePosition, StorageError, SystemTx, time};

/// Whether a gateway can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatewayState {
    /// Its lease runs.
    Live,
    /// Its lease ended: it may be gone, or cut off and still forwarding.
    Lost,
}

/// What a gateway tells of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The newest change it has applied.
    pub seen: Option<ChangePosition>,
    /// Requests in flight, by `service/instance`.
    pub in_flight: BTreeMap<String, u32>,
    /// Requests asked for in a second, by whose limit they count against.
    pub demand: BTreeMap<String, u32>,
    /// Base URL at which the platform's own network reaches it.
    pub address: Option<String>,
}

/// One gateway and its last report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayRecord {
    /// One for the life of its process.
    pub id: Uuid,
    /// What it told.
    pub report: Report,
    /// When it told it, by the database's clock.
    pub reported_at: DateTime<Utc>,
    /// Whether it can be asked.
    pub state: GatewayState,
}

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "gateways")]
    pub(super) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub seen_epoch: Option<i64>,
        pub seen_number: Option<i64>,
        pub in_flight: Json,
        pub demand: Json,
        pub address: Option<String>,
        pub reported_at: DateTimeUtc,
        pub expires_at: DateTimeUtc,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Stores a report and begins the gateway's lease anew.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn report(
    tx: &SystemTx,
    id: Uuid,
    report: &Report,
    lease: Duration,
) -> Result<(), StorageError> {
    let now = time::read(tx).await?;
    let lease = chrono::Duration::from_std(lease).unwrap_or(chrono::Duration::MAX);
    row::Entity::insert(row::ActiveModel {
        id: Set(id),
        seen_epoch: Set(report.seen.map(|seen| seen.epoch)),
        seen_number: Set(report.seen.map(|seen| seen.number)),
        in_flight: Set(counts(&report.in_flight)),
        demand: Set(counts(&report.demand)),
        address: Set(report.address.clone()),
        reported_at: Set(now),
        expires_at: Set(now + lease),
    })
    .on_conflict(
        OnConflict::column(row::Column::Id)
            .update_columns([
                row::Column::SeenEpoch,
                row::Column::SeenNumber,
                row::Column::InFlight,
                row::Column::Demand,
                row::Column::Address,
                row::Column::ReportedAt,
                row::Column::ExpiresAt,
            ])
            .to_owned(),
    )
    .exec_without_returning(tx.connection())
    .await?;
    Ok(())
}

fn counts(counts: &BTreeMap<String, u32>) -> serde_json::Value {
    let pairs = counts
        .iter()
        .map(|(key, &count)| (key.clone(), count.into()));
    serde_json::Value::Object(pairs.collect())
}

/// Forgets a gateway that said it forwards no more.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn leave(tx: &SystemTx, id: Uuid) -> Result<(), StorageError> {
    row::Entity::delete_by_id(id).exec(tx.connection()).await?;
    Ok(())
}

/// Every gateway that is live, or was less than `lost_within` ago.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn all(tx: &SystemTx, lost_within: Duration) -> Result<Vec<GatewayRecord>, StorageError> {
    let now = time::read(tx).await?;
    let lost_within = chrono::Duration::from_std(lost_within).unwrap_or(chrono::Duration::MAX);
    let rows = row::Entity::find()
        .filter(Expr::col(row::Column::ExpiresAt).gt(now - lost_within))
        .all(tx.connection())
        .await?;
    let record = |row: row::Model| {
        Ok(GatewayRecord {
            id: row.id,
            report: Report {
                seen: row
                    .seen_epoch
                    .zip(row.seen_number)
                    .map(|(epoch, number)| ChangePosition { epoch, number }),
                in_flight: json("a gateway's report", row.in_flight)?,
                demand: json("a gateway's report", row.demand)?,
                address: row.address,
            },
            reported_at: row.reported_at,
            state: if row.expires_at > now {
                GatewayState::Live
            } else {
                GatewayState::Lost
            },
        })
    };
    rows.into_iter().map(record).collect()
}

/// Forgets gateways that were lost longer than `age` ago.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn forget(tx: &SystemTx, age: Duration) -> Result<(), StorageError> {
    let now = time::read(tx).await?;
    let age = chrono::Duration::from_std(age).unwrap_or(chrono::Duration::MAX);
    row::Entity::delete_many()
        .filter(Expr::col(row::Column::ExpiresAt).lt(now - age))
        .exec(tx.connection())
        .await?;
    Ok(())
}
