//! `DELETE /v1/services/{service}/instances/{id}`.

use axum::extract::State;
use http::StatusCode;
use saas_storage::registry::{instances, services};
use saas_web::{ApiPath, Problem};

use super::{InstancePath, key, note};
use crate::app::App;
use crate::audit::Origin;
use crate::caller::Caller;
use crate::catalog::Subject;
use crate::problem;

/// Remove an instance
///
/// Takes what registering takes, or the permission `registry:manage`.
#[utoipa::path(
    delete,
    path = "/v1/services/{service}/instances/{id}",
    tag = "instances",
    operation_id = "deregister_instance",
    params(
        ("service" = String, Path, description = "The service's name."),
        ("id" = String, Path, description = "The instance's identifier.")
    ),
    responses((status = 204, description = "Removed.")),
    security(("bearer" = []))
)]
pub(crate) async fn deregister_instance(
    State(app): State<App>,
    caller: Caller,
    ApiPath(path): ApiPath<InstancePath>,
    origin: Origin,
) -> Result<StatusCode, Problem> {
    caller.may_remove(&path.0)?;
    let key = key(path);
    let tx = app.begin("registry.deregister").await?;
    let remove = async {
        services::touch(&tx, std::slice::from_ref(&key.service)).await?;
        instances::remove(&tx, &key).await
    };
    if !remove.await.map_err(problem::of_storage)? {
        return Err(problem::no_instance(key.service.as_str(), key.id.as_str()));
    }
    note(&app, &caller, &origin, &key, "instance.remove", &tx).await?;
    app.commit(tx, &[Subject::Service(key.service)]).await?;
    Ok(StatusCode::NO_CONTENT)
}
