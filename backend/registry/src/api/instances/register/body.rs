//! What a registration says.

use std::collections::BTreeMap;

use chrono::DateTime;
use garde::Validate;
use saas_domain::InstanceId;
use saas_registry_client::wire::{GatewayHints, Scheme};
use saas_storage::registry::{InstanceKey, InstanceRecord, InstanceState};
use saas_web::Problem;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::rules;
use crate::checks::HealthCheck;

/// Seconds without a heartbeat after which an instance is forgotten, unless it says otherwise.
const LEASE_SECONDS: u32 = 15;
const WEIGHT: u16 = 100;

/// An instance that wants requests.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegistrationRequest {
    /// Its identifier; the registry chooses one if absent.
    #[garde(inner(custom(rules::instance_id)))]
    #[schema(value_type = Option<String>, max_length = 128, example = "orders-1")]
    pub(super) id: Option<InstanceId>,
    /// A host name or an IP address, within the registry's `UPSTREAM_NETWORKS`.
    #[garde(custom(rules::host))]
    #[schema(max_length = 253, example = "10.0.0.7")]
    pub(super) address: String,
    /// 1 to 65535.
    #[garde(range(min = 1))]
    #[schema(minimum = 1, example = 9000)]
    port: u16,
    /// How the gateway speaks to it.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>, example = "http")]
    scheme: Option<Scheme>,
    /// The version it is.
    #[garde(inner(length(max = 64), custom(rules::plain)))]
    version: Option<String>,
    /// Where it runs.
    #[garde(inner(length(max = 64), custom(rules::plain)))]
    zone: Option<String>,
    /// Its share of requests beside its peers: 0 (none) to 1000; 100 if absent.
    #[garde(inner(range(max = 1000)))]
    #[schema(maximum = 1000, default = 100)]
    weight: Option<u16>,
    /// Free labels: 32 at most, of 64 characters.
    #[serde(default)]
    #[garde(
        length(max = 32),
        inner(length(min = 1, max = 64), custom(rules::plain))
    )]
    tags: Vec<String>,
    /// Free pairs: 32 at most. `metrics_path` tells Prometheus where to look, `metrics` = `off`
    /// that there is nothing to see.
    #[serde(default)]
    #[garde(custom(rules::pairs))]
    metadata: BTreeMap<String, String>,
    /// Seconds without a heartbeat after which it is forgotten, 5 to 3600; 15 if absent.
    #[garde(inner(range(min = 5, max = 3600)))]
    #[schema(minimum = 5, maximum = 3600, default = 15)]
    lease_seconds: Option<u32>,
    /// How the registry is to check its health; not at all if absent.
    #[serde(default, deserialize_with = "saas_web::object")]
    #[garde(dive)]
    check: Option<HealthCheck>,
    /// For the gateway.
    #[serde(default, deserialize_with = "saas_web::object")]
    #[garde(dive)]
    gateway: Option<GatewayDeclaration>,
}

/// What the gateway should know of the service.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GatewayDeclaration {
    /// Paths, as the service sees them, that need no token: exact, or a beginning with `/*`. 64 at
    /// most. Takes a token that may declare them.
    #[serde(default)]
    #[garde(length(max = 64), inner(custom(rules::public_path)))]
    #[schema(example = json!(["/docs", "/docs/*"]))]
    public_paths: Vec<String>,
}

impl RegistrationRequest {
    pub(super) fn declares_public_paths(&self) -> bool {
        let declared = self.gateway.as_ref();
        declared.is_some_and(|gateway| !gateway.public_paths.is_empty())
    }

    /// The instance it asks for. Its times are storage's to set.
    pub(super) fn into_record(self, key: InstanceKey) -> Result<InstanceRecord, Problem> {
        let Scheme::Http = self.scheme.unwrap_or_default();
        let hints = GatewayHints {
            public_paths: self.gateway.unwrap_or_default().public_paths,
        };
        let check = self.check.map(serde_json::to_value).transpose();
        Ok(InstanceRecord {
            key,
            address: self.address,
            port: self.port,
            scheme: "http".to_owned(),
            version: self.version,
            zone: self.zone,
            weight: self.weight.unwrap_or(WEIGHT),
            tags: self.tags,
            metadata: self.metadata,
            gateway: serde_json::to_value(hints).map_err(Problem::internal)?,
            state: InstanceState::Up,
            check: check.map_err(Problem::internal)?,
            check_passing: None,
            lease_seconds: self.lease_seconds.unwrap_or(LEASE_SECONDS),
            lease_expires_at: DateTime::UNIX_EPOCH,
            registered_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        })
    }
}
