//! `/v1/services`.

pub(super) mod change;
pub(super) mod get;
pub(super) mod list;

use chrono::{DateTime, Utc};
use saas_registry_client::wire::InstanceStatus;
use serde::Serialize;
use utoipa::ToSchema;

use crate::catalog::{Entry, status};

/// A service.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Service)]
pub(crate) struct ServiceView {
    /// Its name.
    #[schema(example = "orders")]
    name: String,
    /// False: an operator took it out, and the gateway answers 503 for it.
    is_active: bool,
    /// Paths, as the service sees them, that need no token: exact, or a beginning with `/*`.
    public_paths: Vec<String>,
    /// How many instances there are.
    instances: InstanceCounts,
    /// Counts up with every change of the service itself; the `ETag`.
    version: i64,
    /// When its first instance registered.
    created_at: DateTime<Utc>,
    /// When it was changed last.
    updated_at: DateTime<Utc>,
}

/// Instances by how they are doing.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct InstanceCounts {
    /// They get requests.
    up: u32,
    /// Their check fails or has not passed yet.
    down: u32,
    /// They are leaving.
    draining: u32,
}

impl From<&Entry> for ServiceView {
    fn from(entry: &Entry) -> Self {
        let mut counts = InstanceCounts::default();
        for instance in &entry.instances {
            match status(instance) {
                InstanceStatus::Up => counts.up += 1,
                InstanceStatus::Down => counts.down += 1,
                InstanceStatus::Draining => counts.draining += 1,
            }
        }
        Self {
            name: entry.service.name.to_string(),
            is_active: entry.service.is_active,
            public_paths: entry.gateway().public_paths,
            instances: counts,
            version: entry.service.version,
            created_at: entry.service.created_at,
            updated_at: entry.service.updated_at,
        }
    }
}
