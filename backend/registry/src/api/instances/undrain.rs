//! `DELETE /v1/services/{service}/instances/{id}/drain`.

use axum::extract::State;
use http::StatusCode;
use saas_storage::registry::instances;
use saas_web::{ApiPath, Problem};

use super::{InstancePath, key, note};
use crate::app::App;
use crate::audit::Origin;
use crate::caller::Caller;
use crate::catalog::Subject;
use crate::problem;

/// Take an instance back into service
///
/// Ends its drain and renews its lease: it gets requests again, at once if it has no check or its
/// check passes. Checks go on during a drain. Of an instance that is not draining, nothing changes.
/// Takes what registering takes, or the permission `registry:manage`.
#[utoipa::path(
    delete,
    path = "/v1/services/{service}/instances/{id}/drain",
    tag = "instances",
    operation_id = "undrain_instance",
    params(
        ("service" = String, Path, description = "The service's name."),
        ("id" = String, Path, description = "The instance's identifier.")
    ),
    responses((status = 204, description = "It is not draining.")),
    security(("bearer" = []))
)]
pub(crate) async fn undrain_instance(
    State(app): State<App>,
    caller: Caller,
    ApiPath(path): ApiPath<InstancePath>,
    origin: Origin,
) -> Result<StatusCode, Problem> {
    caller.may_remove(&path.0)?;
    let key = key(path);
    let tx = app.begin("registry.undrain").await?;
    let found = instances::find(&tx, &key).await;
    if found.map_err(problem::of_storage)?.is_none() {
        return Err(problem::no_instance(key.service.as_str(), key.id.as_str()));
    }
    let turned = instances::undrain(&tx, &key).await;
    if turned.map_err(problem::of_storage)? {
        note(&app, &caller, &origin, &key, "instance.undrain", &tx).await?;
        app.commit(tx, &[Subject::Service(key.service)]).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
