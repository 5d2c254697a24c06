//! What each gateway last reported, for every replica of the registry to see.

use std::collections::BTreeMap;
use std::time::Duration;

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

/// One gateway's last report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayRecord {
    /// One for the life of its process.
    pub id: Uuid,
    /// The newest change it has applied.
    pub seen: Option<ChangePosition>,
    /// Requests in flight, by `service/instance`.
    pub in_flight: BTreeMap<String, u32>,
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
    seen: Option<ChangePosition>,
    in_flight: &BTreeMap<String, u32>,
    lease: Duration,
) -> Result<(), StorageError> {
    let now = time::read(tx).await?;
    let lease = chrono::Duration::from_std(lease).unwrap_or(chrono::Duration::MAX);
    let in_flight: serde_json::Map<String, serde_json::Value> = in_flight
        .iter()
        .map(|(instance, &count)| (instance.clone(), count.into()))
        .collect();
    row::Entity::insert(row::ActiveModel {
        id: Set(id),
        seen_epoch: Set(seen.map(|seen| seen.epoch)),
        seen_number: Set(seen.map(|seen| seen.number)),
        in_flight: Set(in_flight.into()),
        reported_at: Set(now),
        expires_at: Set(now + lease),
    })
    .on_conflict(
        OnConflict::column(row::Column::Id)
            .update_columns([
                row::Column::SeenEpoch,
                row::Column::SeenNumber,
                row::Column::InFlight,
                row::Column::ReportedAt,
                row::Column::ExpiresAt,
            ])
            .to_owned(),
    )
    .exec_without_returning(tx.connection())
    .await?;
    Ok(())
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
            seen: row
                .seen_epoch
                .zip(row.seen_number)
                .map(|(epoch, number)| ChangePosition { epoch, number }),
            in_flight: json("a gateway's report", row.in_flight)?,
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
