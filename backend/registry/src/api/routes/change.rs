//! `PATCH /v1/routes/{id}`.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use saas_domain::RouteId;
use saas_storage::registry::{Guarded, routes};
use saas_web::{ApiJson, ApiPath, ApiQuery, ETag, IfMatch, Problem};
use serde_json::json;

use super::create::refuse;
use super::definition::RouteChange;
use super::{DryRun, DryRunReport, RouteView, conflicts_in, no_route};
use crate::app::App;
use crate::audit::{self, Origin};
use crate::caller::Caller;
use crate::catalog::Subject;
use crate::problem;

/// Change a route
///
/// What is absent stays. Takes the permission `route:manage`. With `If-Match`, only in the version
/// that was read.
#[utoipa::path(
    patch,
    path = "/v1/routes/{id}",
    tag = "routes",
    operation_id = "change_route",
    params(
        ("id" = uuid::Uuid, Path, description = "The route's identifier."),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that was read."),
        DryRun
    ),
    request_body = RouteChange,
    responses(
        (status = 200, description = "The route as it is now; with `dry_run`, a report of what it \
            would be.", body = RouteView,
            headers(("ETag" = String, description = "Its version, for `If-Match`.")))
    ),
    security(("bearer" = []))
)]
pub(crate) async fn change_route(
    State(app): State<App>,
    caller: Caller,
    ApiPath(id): ApiPath<RouteId>,
    ApiQuery(dry_run): ApiQuery<DryRun>,
    origin: Origin,
    if_match: IfMatch,
    ApiJson(change): ApiJson<RouteChange>,
) -> Result<Response, Problem> {
    caller.may_manage_routes()?;
    let tx = app.begin("registry.change_route").await?;
    let found = routes::identified(&tx, &[id]).await;
    let found = found.map_err(problem::of_storage)?.pop();
    let before = found.ok_or_else(|| no_route(id))?;
    if_match.check(&ETag::version(before.version))?;
    let wanted = change.apply(&before)?;
    let clashes = conflicts_in(&tx, &wanted).await?;
    if dry_run.dry_run {
        return Ok(ApiJson(DryRunReport::new(&wanted, clashes)).into_response());
    }
    refuse(&clashes)?;
    if wanted == before {
        return Ok(answered(RouteView::from(&before)));
    }
    let replaced = routes::replace(&tx, &wanted).await;
    let route = match replaced.map_err(problem::of_storage)? {
        Guarded::Done(route) => RouteView::from(&route),
        Guarded::Stale(_) => return Err(problem::changed_meanwhile()),
        Guarded::Missing => return Err(no_route(id)),
    };
    let detail = json!({"before": RouteView::from(&before), "after": route});
    let entry = audit::entry(&app, &caller, &origin, "route.change");
    let entry = entry.about("route", &id.to_string()).detail(detail);
    entry.write(&tx).await?;
    app.commit(tx, &[Subject::Route(id)]).await?;
    Ok(answered(route))
}

fn answered(view: RouteView) -> Response {
    (ETag::version(view.version), ApiJson(view)).into_response()
}
