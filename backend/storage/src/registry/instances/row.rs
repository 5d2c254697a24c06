//! The table `instances`.

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, SimpleExpr};

use super::{InstanceKey, InstanceRecord, InstanceState};
use crate::StorageError;
use crate::registry::{fit, json, name};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "instances")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub service: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub address: String,
    pub port: i32,
    pub scheme: String,
    pub version: Option<String>,
    pub zone: Option<String>,
    pub weight: i32,
    pub tags: Json,
    pub metadata: Json,
    pub gateway: Json,
    pub status: String,
    pub check: Option<Json>,
    pub check_passing: Option<bool>,
    pub lease_seconds: i32,
    pub lease_expires_at: DateTimeUtc,
    pub registered_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The condition that a row is this instance.
pub(crate) fn is(key: &InstanceKey) -> SimpleExpr {
    Expr::col(Column::Service)
        .eq(key.service.as_str())
        .and(Expr::col(Column::Id).eq(key.id.as_str()))
}

impl TryFrom<Model> for InstanceRecord {
    type Error = StorageError;

    fn try_from(row: Model) -> Result<Self, StorageError> {
        Ok(Self {
            key: key(&row.service, &row.id)?,
            address: row.address,
            port: fit("an instance's port", row.port)?,
            scheme: row.scheme,
            version: row.version,
            zone: row.zone,
            weight: fit("an instance's weight", row.weight)?,
            tags: json("an instance's tags", row.tags)?,
            metadata: json("an instance's metadata", row.metadata)?,
            gateway: row.gateway,
            state: state(&row.status)?,
            check: row.check,
            check_passing: row.check_passing,
            lease_seconds: fit("a lease", row.lease_seconds)?,
            lease_expires_at: row.lease_expires_at,
            registered_at: row.registered_at,
            updated_at: row.updated_at,
        })
    }
}

impl From<&InstanceRecord> for ActiveModel {
    fn from(record: &InstanceRecord) -> Self {
        Self {
            service: Set(record.key.service.to_string()),
            id: Set(record.key.id.to_string()),
            address: Set(record.address.clone()),
            port: Set(record.port.into()),
            scheme: Set(record.scheme.clone()),
            version: Set(record.version.clone()),
            zone: Set(record.zone.clone()),
            weight: Set(record.weight.into()),
            tags: Set(record.tags.clone().into()),
            metadata: Set(record
                .metadata
                .iter()
                .map(|(key, value)| (key.clone(), value.clone().into()))
                .collect::<serde_json::Map<_, _>>()
                .into()),
            gateway: Set(record.gateway.clone()),
            status: Set(record.state.as_str().to_owned()),
            check: Set(record.check.clone()),
            check_passing: Set(record.check_passing),
            lease_seconds: Set(i32::try_from(record.lease_seconds).unwrap_or(i32::MAX)),
            lease_expires_at: Set(record.lease_expires_at),
            registered_at: Set(record.registered_at),
            updated_at: Set(record.updated_at),
        }
    }
}

pub(super) fn key(service: &str, id: &str) -> Result<InstanceKey, StorageError> {
    Ok(InstanceKey {
        service: name("a service's name", service)?,
        id: name("an instance's identifier", id)?,
    })
}

fn state(text: &str) -> Result<InstanceState, StorageError> {
    [
        InstanceState::Up,
        InstanceState::Down,
        InstanceState::Draining,
    ]
    .into_iter()
    .find(|state| state.as_str() == text)
    .ok_or_else(|| StorageError::corrupt("an instance's status", text.to_owned()))
}
