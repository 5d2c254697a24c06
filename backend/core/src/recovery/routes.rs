//! Backups and drills.

use axum::extract::State;
use saas_web::ApiJson;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{model::Recovery, service};
use crate::{
    access::caller::{Require, may},
    refusal::Refusal,
    state::Core,
};

pub(crate) fn described() -> OpenApiRouter<Core> {
    OpenApiRouter::new().routes(routes!(show_recovery))
}

/// The newest backups and drills.
///
/// A drill restores a backup beside the live database and goes through a sign-in there. Its report is
/// signed; `is_signed` tells whether it still is as it was.
#[utoipa::path(
    get,
    path = "/v1/recovery",
    tag = "recovery",
    operation_id = "show_recovery",
    security(("bearer" = [])),
    extensions(("x-permission" = json!("platform.recovery:read"))),
    responses((status = 200, body = Recovery))
)]
async fn show_recovery(
    State(core): State<Core>,
    _: Require<may::PlatformRecoveryRead>,
) -> Result<ApiJson<Recovery>, Refusal> {
    Ok(ApiJson(service::newest(&core).await?))
}
