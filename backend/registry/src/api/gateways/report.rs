//! `POST /internal/v1/gateways/{id}/report`.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use garde::Validate;
use saas_registry_client::wire::{EventId, MOST_DEMAND};
use saas_storage::ChangePosition;
use saas_storage::registry::gateways::{self, GatewayRecord, GatewayState, Report};
use saas_web::{ApiJson, ApiPath, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::rules;
use crate::app::App;
use crate::caller::Caller;
use crate::problem;

/// A gateway that has not reported for this long is lost.
const LEASE: Duration = Duration::from_secs(6);

/// What a gateway tells each second. Fields of a newer gateway are passed over.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub(crate) struct GatewayReport {
    /// The newest event it has applied; null while it runs on its last good copy.
    #[garde(skip)]
    #[schema(value_type = Option<String>, example = "1-42")]
    seen: Option<EventId>,
    /// Requests in flight, by `service/instance`, 10 000 at most; zeros may be left out.
    #[serde(default)]
    #[garde(custom(rules::in_flight))]
    in_flight: BTreeMap<String, u32>,
    /// Requests asked for in the last second, by whose limit they count against.
    #[serde(default)]
    #[garde(length(max = MOST_DEMAND), custom(rules::demand))]
    demand: BTreeMap<String, u32>,
    /// Base URL at which the platform's own network reaches it. One that does not lie in
    /// `UPSTREAM_NETWORKS` is not kept.
    #[serde(default)]
    #[garde(inner(length(max = rules::LONGEST_URL), custom(rules::base_url)))]
    #[schema(example = "http://10.0.0.5:8000")]
    address: Option<String>,
}

/// How limits are shared with the other gateways for the next second.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GatewayShares {
    /// How many gateways there are, this one included.
    gateways: usize,
    /// Which part of a limit is this gateway's, above 0 and below 1. What is not named is whole.
    shares: BTreeMap<String, f64>,
}

/// A gateway reports
///
/// Takes the gateways' internal token.
#[utoipa::path(
    post,
    path = "/internal/v1/gateways/{id}/report",
    tag = "internal",
    operation_id = "report_gateway",
    params(("id" = Uuid, Path, description = "One for the life of the gateway's process.")),
    request_body = GatewayReport,
    responses((status = 200, description = "Taken.", body = GatewayShares)),
    security(("bearer" = []))
)]
pub(crate) async fn report_gateway(
    State(app): State<App>,
    caller: Caller,
    ApiPath(id): ApiPath<Uuid>,
    ApiJson(report): ApiJson<GatewayReport>,
) -> Result<Json<GatewayShares>, Problem> {
    caller.may_report()?;
    let seen = report.seen.map(|seen| ChangePosition {
        epoch: seen.epoch,
        number: seen.number,
    });
    let report = Report {
        seen,
        in_flight: report.in_flight,
        demand: report.demand,
        address: report.address.filter(|address| is_near(&app, address)),
    };
    let tx = app.begin("registry.gateway_report").await?;
    let store = async {
        gateways::report(&tx, id, &report, LEASE).await?;
        let all = gateways::all(&tx, Duration::ZERO).await?;
        tx.commit().await?;
        Ok(all)
    };
    let all = store.await.map_err(problem::of_storage)?;
    let others: Vec<_> = all.into_iter().filter(|one| is_other(one, id)).collect();
    Ok(Json(GatewayShares {
        gateways: others.len() + 1,
        shares: shares(&report.demand, &others),
    }))
}

/// Whether the address is one that instances may have, as far as it can be told without asking for a
/// name: operators' tools go there, and take secrets along. The rest of the report counts all the
/// same, since drains wait for it.
fn is_near(app: &App, address: &str) -> bool {
    let host = rules::host_of(address);
    host.is_some_and(|host| match host.parse() {
        Ok(ip) => app.upstream_networks().permit_upstream(ip),
        Err(_) => true,
    })
}

fn is_other(gateway: &GatewayRecord, id: Uuid) -> bool {
    gateway.id != id && gateway.state == GatewayState::Live
}

/// A gateway's part of each limit that others are asked for as well: as its demand is to all.
fn shares(own: &BTreeMap<String, u32>, others: &[GatewayRecord]) -> BTreeMap<String, f64> {
    let share = |(key, &own): (&String, &u32)| {
        let asked =
            |other: &GatewayRecord| other.report.demand.get(key).copied().map_or(0.0, f64::from);
        let elsewhere: f64 = others.iter().map(asked).sum();
        let own = f64::from(own.max(1));
        (elsewhere > 0.0).then(|| (key.clone(), own / (own + elsewhere)))
    };
    own.iter().filter_map(share).collect()
}
