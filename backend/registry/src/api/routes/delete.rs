//! `DELETE /v1/routes/{id}`.

use axum::extract::State;
use http::StatusCode;
use saas_domain::RouteId;
use saas_storage::registry::{Guarded, routes};
use saas_web::{ApiPath, ETag, IfMatch, Problem};

use super::{RouteView, no_route};
use crate::app::App;
use crate::audit::{self, Origin};
use crate::caller::Caller;
use crate::catalog::Subject;
use crate::problem;

/// Delete a route
///
/// Takes the permission `route:manage`. With `If-Match`, only in the version that was read.
#[utoipa::path(
    delete,
    path = "/v1/routes/{id}",
    tag = "routes",
    operation_id = "delete_route",
    params(
        ("id" = uuid::Uuid, Path, description = "The route's identifier."),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that was read.")
    ),
    responses((status = 204, description = "Deleted.")),
    security(("bearer" = []))
)]
pub(crate) async fn delete_route(
    State(app): State<App>,
    caller: Caller,
    ApiPath(id): ApiPath<RouteId>,
    origin: Origin,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    caller.may_manage_routes()?;
    let tx = app.begin("registry.delete_route").await?;
    let found = routes::identified(&tx, &[id]).await;
    let found = found.map_err(problem::of_storage)?.pop();
    let before = found.ok_or_else(|| no_route(id))?;
    if_match.check(&ETag::version(before.version))?;
    let expected = match if_match {
        IfMatch::Tags(_) => Some(before.version),
        IfMatch::Absent | IfMatch::Any => None,
    };
    let removed = routes::remove(&tx, id, expected).await;
    match removed.map_err(problem::of_storage)? {
        Guarded::Done(_) => {}
        Guarded::Stale(_) => return Err(problem::changed_meanwhile()),
        Guarded::Missing => return Err(no_route(id)),
    }
    let detail = serde_json::to_value(RouteView::from(&before)).map_err(Problem::internal)?;
    let entry = audit::entry(&app, &caller, &origin, "route.delete");
    let entry = entry.about("route", &id.to_string()).detail(detail);
    entry.write(&tx).await?;
    app.commit(tx, &[Subject::Route(id)]).await?;
    Ok(StatusCode::NO_CONTENT)
}
