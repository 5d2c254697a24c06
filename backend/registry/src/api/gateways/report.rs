//! `POST /internal/v1/gateways/{id}/report`.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::State;
use garde::Validate;
use http::StatusCode;
use saas_registry_client::wire::EventId;
use saas_storage::ChangePosition;
use saas_storage::registry::gateways;
use saas_web::{ApiJson, ApiPath, Problem};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

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
    /// Requests in flight, by `service/instance`; zeros may be left out.
    #[serde(default)]
    #[garde(skip)]
    in_flight: BTreeMap<String, u32>,
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
    responses((status = 204, description = "Taken.")),
    security(("bearer" = []))
)]
pub(crate) async fn report_gateway(
    State(app): State<App>,
    caller: Caller,
    ApiPath(id): ApiPath<Uuid>,
    ApiJson(report): ApiJson<GatewayReport>,
) -> Result<StatusCode, Problem> {
    caller.may_report()?;
    let seen = report.seen.map(|seen| ChangePosition {
        epoch: seen.epoch,
        number: seen.number,
    });
    let tx = app.begin("registry.gateway_report").await?;
    let store = async {
        gateways::report(&tx, id, seen, &report.in_flight, LEASE).await?;
        tx.commit().await
    };
    store.await.map_err(problem::of_storage)?;
    Ok(StatusCode::NO_CONTENT)
}
