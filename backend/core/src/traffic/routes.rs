//! Traffic figures.

#![expect(
    unused_qualifications,
    reason = "the description's `params(…)` expands to qualified paths"
)]

use axum::extract::{Request, State};
use garde::Validate;
use http::StatusCode;
use saas_registry_client::wire::TrafficReport;
use saas_security::InternalRole;
use saas_web::{ApiJson, ApiQuery, Problem, read_body};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{model::Traffic, service};
use crate::{
    access::{
        caller::{Require, may},
        internal::Internal,
    },
    refusal::Refusal,
    state::Core,
};

pub(crate) fn described() -> OpenApiRouter<Core> {
    OpenApiRouter::new().routes(routes!(show_traffic))
}

/// A gateway's report. Not in the description: only our own processes call it.
pub(crate) async fn ingest(
    State(core): State<Core>,
    caller: Internal,
    request: Request,
) -> Result<StatusCode, Refusal> {
    caller.only(&[InternalRole::Gateway])?;
    let body = read_body(request).await?;
    let report: TrafficReport = serde_json::from_slice(&body).map_err(|error| {
        Problem::bad_request(
            "malformed_json",
            format!("the report cannot be read: {error}"),
        )
    })?;
    service::ingest(&core, report).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which figures to show.
#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
struct TrafficQuery {
    /// How far back, 1 to 1440 minutes; 60 if not given.
    #[garde(inner(range(min = 1, max = 1440)))]
    #[param(minimum = 1, maximum = 1440, default = 60)]
    minutes: Option<i64>,
}

/// Requests, errors and durations by service over the last minutes.
#[utoipa::path(
    get,
    path = "/v1/traffic",
    tag = "traffic",
    operation_id = "show_traffic",
    security(("bearer" = [])),
    extensions(("x-permission" = json!("registry:read"))),
    params(TrafficQuery),
    responses((status = 200, body = Traffic))
)]
async fn show_traffic(
    State(core): State<Core>,
    _: Require<may::RegistryRead>,
    ApiQuery(query): ApiQuery<TrafficQuery>,
) -> Result<ApiJson<Traffic>, Refusal> {
    let minutes = query.minutes.unwrap_or(60);
    Ok(ApiJson(service::recent(&core, minutes).await?))
}
