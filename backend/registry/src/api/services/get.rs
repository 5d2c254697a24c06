//! `GET /v1/services/{service}`.

use axum::extract::State;
use saas_domain::ServiceName;
use saas_web::{ApiJson, ApiPath, ETag, Problem};

use super::ServiceView;
use crate::app::App;
use crate::caller::Caller;
use crate::problem;

/// One service
///
/// Takes the permission `registry:read`, or the registration token of the service.
#[utoipa::path(
    get,
    path = "/v1/services/{service}",
    tag = "services",
    operation_id = "get_service",
    params(("service" = String, Path, description = "The service's name.")),
    responses((status = 200, description = "The service.", body = ServiceView,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))),
    security(("bearer" = []))
)]
pub(crate) async fn get_service(
    State(app): State<App>,
    caller: Caller,
    ApiPath(service): ApiPath<ServiceName>,
) -> Result<(ETag, ApiJson<ServiceView>), Problem> {
    caller.may_read_service(&service)?;
    let current = app.current()?;
    let name = service.as_str();
    let entry = current.table.service(name);
    let entry = entry.ok_or_else(|| problem::no_service(name))?;
    let tag = ETag::version(entry.service.version);
    Ok((tag, ApiJson(ServiceView::from(&**entry))))
}
