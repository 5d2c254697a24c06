//! `GET /prometheus/targets`: Prometheus' HTTP service discovery.

use std::collections::BTreeMap;

use axum::extract::State;
use saas_storage::registry::InstanceRecord;
use saas_web::{ApiJson, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::Caller;
use crate::catalog::authority;

/// One instance to scrape.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct TargetGroup {
    /// `host:port`.
    #[schema(example = json!(["10.0.0.7:9000"]))]
    targets: Vec<String>,
    /// What every sample from there carries.
    labels: BTreeMap<String, String>,
}

/// The targets for Prometheus
///
/// Every instance of every business service, whatever its status: an instance that is down is what
/// monitoring is for. The platform's own processes are scraped by their addresses and left out.
/// Takes the permission `registry:read`, or `METRICS_TOKEN`.
#[utoipa::path(
    get,
    path = "/prometheus/targets",
    tag = "discovery",
    operation_id = "list_targets",
    responses((status = 200, description = "The whole list, every time.", body = [TargetGroup])),
    security(("bearer" = []))
)]
pub(crate) async fn list_targets(
    State(app): State<App>,
    caller: Caller,
) -> Result<ApiJson<Vec<TargetGroup>>, Problem> {
    caller.may_read()?;
    let current = app.current()?;
    let services = current.table.services();
    let business = services.filter(|entry| !entry.service.name.is_reserved());
    let instances = business.flat_map(|entry| &entry.instances);
    let scraped = instances.filter(|i| i.metadata.get("metrics").is_none_or(|m| m != "off"));
    Ok(ApiJson(scraped.map(TargetGroup::from).collect()))
}

impl From<&InstanceRecord> for TargetGroup {
    fn from(instance: &InstanceRecord) -> Self {
        let mut labels = BTreeMap::from([
            ("service".to_owned(), instance.key.service.to_string()),
            ("instance_id".to_owned(), instance.key.id.to_string()),
        ]);
        let mut add = |label: &str, value: Option<&String>| {
            if let Some(value) = value {
                labels.insert(label.to_owned(), value.clone());
            }
        };
        add("version", instance.version.as_ref());
        add("zone", instance.zone.as_ref());
        let path = instance.metadata.get("metrics_path");
        add(
            "__metrics_path__",
            path.filter(|path| path.starts_with('/')),
        );
        // For relabelling alone: Prometheus drops what begins with two underscores.
        for (key, value) in &instance.metadata {
            let is_plain = |c: char| c.is_ascii_alphanumeric();
            let key = key.replace(|c| !is_plain(c), "_");
            labels.insert(format!("__meta_saas_metadata_{key}"), value.clone());
        }
        if !instance.tags.is_empty() {
            let tags = format!(",{},", instance.tags.join(","));
            labels.insert("__meta_saas_tags".to_owned(), tags);
        }
        Self {
            targets: vec![authority(instance)],
            labels,
        }
    }
}
