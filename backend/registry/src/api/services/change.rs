//! `PATCH /v1/services/{service}`.

use axum::extract::State;
use garde::Validate;
use http::StatusCode;
use saas_domain::ServiceName;
use saas_storage::registry::{Guarded, services};
use saas_web::{ApiJson, ApiPath, ETag, IfMatch, Problem};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{ServiceView, get};
use crate::app::App;
use crate::audit::{self, Origin};
use crate::caller::Caller;
use crate::catalog::Subject;
use crate::problem;

/// What to change.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceChange {
    /// False takes the service out: the gateway answers 503 for it. True puts it back.
    #[garde(skip)]
    is_active: bool,
}

/// Take a service out, or put it back
///
/// Takes the permission `registry:manage`. With `If-Match`, only in the version that was read. The
/// platform's own services cannot be taken out: nobody could sign in to put them back.
#[utoipa::path(
    patch,
    path = "/v1/services/{service}",
    tag = "services",
    operation_id = "change_service",
    params(
        ("service" = String, Path, description = "The service's name."),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that was read.")
    ),
    request_body = ServiceChange,
    responses((status = 200, description = "The service as it is now.", body = ServiceView,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))),
    security(("bearer" = []))
)]
pub(crate) async fn change_service(
    State(app): State<App>,
    caller: Caller,
    ApiPath(service): ApiPath<ServiceName>,
    origin: Origin,
    if_match: IfMatch,
    ApiJson(change): ApiJson<ServiceChange>,
) -> Result<(ETag, ApiJson<ServiceView>), Problem> {
    caller.may_manage()?;
    if service.is_reserved() && !change.is_active {
        return Err(reserved(&service));
    }
    let tx = app.begin("registry.change_service").await?;
    let found = services::named(&tx, std::slice::from_ref(&service)).await;
    let found = found.map_err(problem::of_storage)?.pop();
    let before = found.ok_or_else(|| problem::no_service(service.as_str()))?;
    if_match.check(&ETag::version(before.version))?;
    if before.is_active != change.is_active {
        let changed =
            services::set_active(&tx, &service, change.is_active, Some(before.version)).await;
        match changed.map_err(problem::of_storage)? {
            Guarded::Done(_) => {}
            Guarded::Stale(_) => return Err(problem::changed_meanwhile()),
            Guarded::Missing => return Err(problem::no_service(service.as_str())),
        }
        let action = if change.is_active {
            "service.activate"
        } else {
            "service.deactivate"
        };
        let entry = audit::entry(&app, &caller, &origin, action);
        let entry = entry.about("service", service.as_str());
        entry.write(&tx).await?;
        app.commit(tx, &[Subject::Service(service.clone())]).await?;
    }
    get::get_service(State(app), caller, ApiPath(service)).await
}

fn reserved(service: &ServiceName) -> Problem {
    let detail = format!(
        "`{service}` is one of the platform's own services, without which nobody could put it back"
    );
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "reserved_service")
        .detail(format!("{detail}; stop its process if it is to be away"))
        .error("/is_active", detail)
}
