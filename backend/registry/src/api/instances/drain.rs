//! `POST /v1/services/{service}/instances/{id}/drain`.

#![expect(
    unused_qualifications,
    reason = "the code that utoipa makes of a parameter type names it in full"
)]

use std::time::{Duration, Instant};

use axum::extract::State;
use garde::Validate;
use saas_storage::registry::{
    GatewayRecord, GatewayState, InstanceKey, InstanceState, gateways, instances,
};
use saas_storage::{ChangePosition, ChangeStream};
use saas_web::{ApiJson, ApiPath, ApiQuery, Problem, TimeLimit};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{InstancePath, key, note};
use crate::api::gateways::LOST;
use crate::app::App;
use crate::audit::Origin;
use crate::caller::Caller;
use crate::catalog::Subject;
use crate::problem;

/// How often the gateways' reports are looked at; they come every second.
const LOOK: Duration = Duration::from_millis(200);
/// What the lease is kept for beyond the wait.
const GRACE: Duration = Duration::from_secs(15);

/// How long to wait.
#[derive(Debug, Default, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DrainQuery {
    /// Seconds to wait for the gateways, 0 to 600; 0 if absent: the answer says how things stand.
    #[garde(inner(range(max = 600)))]
    #[param(maximum = 600, default = 0)]
    wait: Option<u64>,
}

/// How far the gateways are.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct DrainReport {
    /// True: every live gateway sends nothing more and has nothing in flight, and no gateway is
    /// unknown. The instance may stop. False with nobody to wait for: it was taken back into
    /// service meanwhile.
    drained: bool,
    /// Gateways that have not acknowledged yet or still have requests in flight.
    waiting_for: Vec<Uuid>,
    /// Gateways that were lost less than ten minutes ago: whether they still forward cannot be
    /// said.
    unknown: Vec<Uuid>,
}

/// Drain an instance
///
/// It gets no new requests. The answer comes when every live gateway has acknowledged and counts no
/// request in flight, or when the wait is over. `DELETE` takes it back into service, and so does
/// registering it again. Takes what registering takes, or the permission `registry:manage`.
#[utoipa::path(
    post,
    path = "/v1/services/{service}/instances/{id}/drain",
    tag = "instances",
    operation_id = "drain_instance",
    params(
        ("service" = String, Path, description = "The service's name."),
        ("id" = String, Path, description = "The instance's identifier."),
        DrainQuery
    ),
    responses((status = 200, description = "How far the gateways are.", body = DrainReport)),
    security(("bearer" = []))
)]
pub(crate) async fn drain_instance(
    State(app): State<App>,
    caller: Caller,
    ApiPath(path): ApiPath<InstancePath>,
    ApiQuery(query): ApiQuery<DrainQuery>,
    limit: TimeLimit,
    origin: Origin,
) -> Result<ApiJson<DrainReport>, Problem> {
    caller.may_remove(&path.0)?;
    let key = key(path);
    let wait = Duration::from_secs(query.wait.unwrap_or(0));
    limit.extend_to(wait + GRACE);
    let began = Instant::now();
    let seen = take_out(&app, &caller, &origin, &key, wait).await?;
    loop {
        let report = look(&app, &key, seen).await?;
        if report.waiting_for.is_empty() || began.elapsed() >= wait {
            return Ok(ApiJson(report));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Marks the instance and returns the change that a gateway must have seen.
async fn take_out(
    app: &App,
    caller: &Caller,
    origin: &Origin,
    key: &InstanceKey,
    wait: Duration,
) -> Result<ChangePosition, Problem> {
    let tx = app.begin("registry.drain").await?;
    let found = instances::find(&tx, key).await;
    if found.map_err(problem::of_storage)?.is_none() {
        return Err(problem::no_instance(key.service.as_str(), key.id.as_str()));
    }
    let turned = instances::drain(&tx, key, wait + GRACE).await;
    if turned.map_err(problem::of_storage)? {
        note(app, caller, origin, key, "instance.drain", &tx).await?;
        app.commit(tx, &[Subject::Service(key.service.clone())])
            .await?;
    } else {
        tx.commit().await.map_err(problem::of_storage)?;
    }
    let log = app.database().changes(ChangeStream::Registry);
    log.latest().await.map_err(problem::of_storage)
}

/// What the gateways said last.
async fn look(app: &App, key: &InstanceKey, seen: ChangePosition) -> Result<DrainReport, Problem> {
    let read = async {
        let tx = app.database().system_read("registry.drain").await?;
        let instance = instances::find(&tx, key).await?;
        Ok((instance, gateways::all(&tx, LOST).await?))
    };
    let (instance, reports) = read.await.map_err(problem::of_storage)?;
    // Taken back while this call waited: gateways send to it again, whatever they said last. An
    // answer and no error, so that a process that is about to stop goes on to give its lease back.
    if instance.is_some_and(|instance| instance.state != InstanceState::Draining) {
        return Ok(DrainReport::default());
    }
    Ok(DrainReport::from_reports(&reports, key, seen))
}

impl DrainReport {
    fn from_reports(reports: &[GatewayRecord], key: &InstanceKey, seen: ChangePosition) -> Self {
        let instance = format!("{}/{}", key.service, key.id);
        let has_seen = |gateway: &GatewayRecord| {
            let reported = gateway.report.seen;
            reported.is_some_and(|r| r.epoch == seen.epoch && r.number >= seen.number)
        };
        let mut report = Self::default();
        for gateway in reports {
            let in_flight = gateway
                .report
                .in_flight
                .get(&instance)
                .copied()
                .unwrap_or(0);
            match gateway.state {
                GatewayState::Lost => report.unknown.push(gateway.id),
                GatewayState::Live if !has_seen(gateway) || in_flight > 0 => {
                    report.waiting_for.push(gateway.id);
                }
                GatewayState::Live => {}
            }
        }
        report.drained = report.waiting_for.is_empty() && report.unknown.is_empty();
        report
    }
}
