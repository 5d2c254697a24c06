//! `PUT /v1/services/{service}/instances/{id}/heartbeat`.

use axum::extract::State;
use saas_storage::registry::{InstanceKey, instances};
use saas_web::{ApiJson, ApiPath, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use super::{InstancePath, Status, heartbeat_seconds, key};
use crate::app::App;
use crate::caller::Caller;
use crate::problem;
use crate::renewals::Accepted;

/// The lease goes on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Renewed {
    /// How the instance is doing.
    status: Status,
    /// When to send the next heartbeat.
    heartbeat_seconds: u32,
}

/// Send a heartbeat
///
/// 404 means: register again. Takes what registering takes. Any body is ignored.
#[utoipa::path(
    put,
    path = "/v1/services/{service}/instances/{id}/heartbeat",
    tag = "instances",
    operation_id = "renew_instance",
    params(
        ("service" = String, Path, description = "The service's name."),
        ("id" = String, Path, description = "The instance's identifier.")
    ),
    responses((status = 200, description = "The lease was renewed.", body = Renewed)),
    security(("bearer" = []))
)]
pub(crate) async fn renew_instance(
    State(app): State<App>,
    caller: Caller,
    ApiPath(path): ApiPath<InstancePath>,
) -> Result<ApiJson<Renewed>, Problem> {
    caller.may_register(&path.0)?;
    let key = key(path);
    let current = app.catalog().current();
    let entry = current
        .as_ref()
        .and_then(|current| current.table.service(key.service.as_str()));
    let Some(instance) = entry.and_then(|entry| entry.instance(key.id.as_str())) else {
        return ask_the_database(&app, key).await.map(ApiJson);
    };
    let renewed = Renewed {
        status: Status::of(instance),
        heartbeat_seconds: heartbeat_seconds(instance.lease_seconds),
    };
    match app.renewals().add(key) {
        Accepted::Yes => Ok(ApiJson(renewed)),
        Accepted::NotNow => Err(Problem::unavailable(
            "database_unavailable",
            1,
            "the database is not available at the moment; no lease ends while it is away, try \
             again",
        )),
    }
}

/// Another replica may have taken the registration a moment ago.
async fn ask_the_database(app: &App, key: InstanceKey) -> Result<Renewed, Problem> {
    let tx = app.begin("registry.renew_unknown").await?;
    let renew = async {
        instances::renew(&tx, std::slice::from_ref(&key)).await?;
        let found = instances::find(&tx, &key).await?;
        tx.commit().await?;
        Ok(found)
    };
    let found = renew.await.map_err(problem::of_storage)?;
    let missing = || problem::no_instance(key.service.as_str(), key.id.as_str());
    let instance = found.ok_or_else(missing)?;
    Ok(Renewed {
        status: Status::of(&instance),
        heartbeat_seconds: heartbeat_seconds(instance.lease_seconds),
    })
}
