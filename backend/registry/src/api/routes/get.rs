//! `GET /v1/routes/{id}`.

use axum::extract::State;
use saas_domain::RouteId;
use saas_web::{ApiJson, ApiPath, ETag, Problem};

use super::{RouteView, no_route};
use crate::app::App;
use crate::caller::Caller;

/// One route
///
/// Takes the permission `registry:read`.
#[utoipa::path(
    get,
    path = "/v1/routes/{id}",
    tag = "routes",
    operation_id = "get_route",
    params(("id" = uuid::Uuid, Path, description = "The route's identifier.")),
    responses((status = 200, description = "The route.", body = RouteView,
        headers(("ETag" = String, description = "Its version, for `If-Match`.")))),
    security(("bearer" = []))
)]
pub(crate) async fn get_route(
    State(app): State<App>,
    caller: Caller,
    ApiPath(id): ApiPath<RouteId>,
) -> Result<(ETag, ApiJson<RouteView>), Problem> {
    caller.may_read()?;
    let current = app.current()?;
    let route = current.table.route(id).ok_or_else(|| no_route(id))?;
    Ok((
        ETag::version(route.version),
        ApiJson(RouteView::from(&**route)),
    ))
}
