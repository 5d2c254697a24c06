//! `/v1/services/{service}/instances`.

pub(super) mod deregister;
pub(super) mod drain;
pub(super) mod heartbeat;
pub(super) mod list;
pub(super) mod register;
pub(super) mod undrain;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use saas_domain::{InstanceId, ServiceName};
use saas_registry_client::wire::InstanceStatus;
use saas_storage::SystemTx;
use saas_storage::registry::{InstanceKey, InstanceRecord};
use saas_web::Problem;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::audit::{self, Origin};
use crate::caller::Caller;
use crate::catalog;

/// The path's parameters: a service and one of its instances.
pub(crate) type InstancePath = (ServiceName, InstanceId);

fn key((service, id): InstancePath) -> InstanceKey {
    InstanceKey { service, id }
}

/// Writes into the audit log what a person did to an instance. What an instance does to itself is
/// no news.
async fn note(
    app: &App,
    caller: &Caller,
    origin: &Origin,
    key: &InstanceKey,
    action: &str,
    tx: &SystemTx,
) -> Result<(), Problem> {
    if caller.person().is_none() {
        return Ok(());
    }
    let object = format!("{}/{}", key.service, key.id);
    let entry = audit::entry(app, caller, origin, action);
    entry.about("instance", &object).write(tx).await
}

/// A heartbeat is due three times in a lease, so that two may be lost.
fn heartbeat_seconds(lease_seconds: u32) -> u32 {
    (lease_seconds / 3).max(1)
}

/// How an instance is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// It gets requests.
    Up,
    /// Its check fails or has not passed yet: it gets none.
    Down,
    /// It is leaving: it gets no new ones.
    Draining,
}

impl Status {
    fn of(instance: &InstanceRecord) -> Self {
        match catalog::status(instance) {
            InstanceStatus::Up => Self::Up,
            InstanceStatus::Down => Self::Down,
            InstanceStatus::Draining => Self::Draining,
        }
    }
}

/// One running copy of a service.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Instance)]
pub(crate) struct InstanceView {
    /// Unique within its service.
    id: String,
    /// Its service.
    service: String,
    /// A host name or an IP address.
    address: String,
    /// Its port.
    port: u16,
    /// How the gateway speaks to it.
    #[schema(example = "http")]
    scheme: String,
    /// The version it says it is.
    version: Option<String>,
    /// Where it runs.
    zone: Option<String>,
    /// Its share of requests beside its peers, 0 to 1000.
    weight: u16,
    /// Free labels.
    tags: Vec<String>,
    /// Free pairs.
    metadata: BTreeMap<String, String>,
    /// How it is doing.
    status: Status,
    /// Its health check, if it has one.
    #[schema(value_type = Option<crate::checks::HealthCheck>)]
    check: Option<serde_json::Value>,
    /// What the last check said; null before the first.
    check_passing: Option<bool>,
    /// Seconds from one heartbeat to the end of its lease.
    lease_seconds: u32,
    /// When it registered first under this identifier.
    registered_at: DateTime<Utc>,
    /// When anything but its lease changed last.
    updated_at: DateTime<Utc>,
}

impl From<&InstanceRecord> for InstanceView {
    fn from(instance: &InstanceRecord) -> Self {
        Self {
            id: instance.key.id.to_string(),
            service: instance.key.service.to_string(),
            address: instance.address.clone(),
            port: instance.port,
            scheme: instance.scheme.clone(),
            version: instance.version.clone(),
            zone: instance.zone.clone(),
            weight: instance.weight,
            tags: instance.tags.clone(),
            metadata: instance.metadata.clone(),
            status: Status::of(instance),
            check: instance.check.clone(),
            check_passing: instance.check_passing,
            lease_seconds: instance.lease_seconds,
            registered_at: instance.registered_at,
            updated_at: instance.updated_at,
        }
    }
}
