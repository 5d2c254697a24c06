//! `POST /v1/routes`.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header::LOCATION};
use saas_domain::RouteId;
use saas_storage::registry::routes;
use saas_web::{ApiJson, ApiQuery, ETag, IdempotencyKey, Problem};
use serde_json::json;

use super::definition::RouteDefinition;
use super::{Conflict, DryRun, DryRunReport, RouteView, conflicts_in};
use crate::app::App;
use crate::audit::{self, Origin};
use crate::caller::Caller;
use crate::catalog::Subject;
use crate::problem;
use crate::repeat::{Answered, Repeat};

/// Create a route
///
/// Takes the permission `route:manage`. An enabled route that answers to the same requests as
/// another is refused with 409; `?dry_run=true` tells beforehand.
#[utoipa::path(
    post,
    path = "/v1/routes",
    tag = "routes",
    operation_id = "create_route",
    params(
        DryRun,
        ("Idempotency-Key" = Option<String>, Header,
            description = "Repeating the call with the same key gives the first answer again.")
    ),
    request_body = RouteDefinition,
    responses(
        (status = 201, description = "The route.", body = RouteView,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))),
        (status = 200, description = "With `dry_run`: what it would be.", body = DryRunReport)
    ),
    security(("bearer" = []))
)]
pub(crate) async fn create_route(
    State(app): State<App>,
    caller: Caller,
    ApiQuery(dry_run): ApiQuery<DryRun>,
    origin: Origin,
    IdempotencyKey(key): IdempotencyKey,
    ApiJson(definition): ApiJson<RouteDefinition>,
) -> Result<Response, Problem> {
    caller.may_manage_routes()?;
    let id = RouteId::generate(app.clock(), app.random());
    let route = definition.into_record(id, app.clock().now())?;
    let tx = app.begin("registry.create_route").await?;
    let clashes = conflicts_in(&tx, &route).await?;
    if dry_run.dry_run {
        return Ok(ApiJson(DryRunReport::new(&route, clashes)).into_response());
    }
    let repeat = match key {
        Some(key) => {
            let asked = json!({"route": RouteView::from(&route).definition()});
            match Repeat::begin(&tx, &caller, &key, &asked).await? {
                Answered::Before(answer) => return answered(answer),
                Answered::NotYet(repeat) => Some(repeat),
            }
        }
        None => None,
    };
    refuse(&clashes)?;
    let added = routes::add(&tx, &route).await;
    added.map_err(problem::of_storage)?;
    let view = RouteView::from(&route);
    let detail = serde_json::to_value(&view).map_err(Problem::internal)?;
    let entry = audit::entry(&app, &caller, &origin, "route.create");
    let entry = entry.about("route", &id.to_string()).detail(detail);
    entry.write(&tx).await?;
    if let Some(repeat) = repeat {
        repeat.keep(&tx, StatusCode::CREATED, &view).await?;
    }
    app.commit(tx, &[Subject::Route(id)]).await?;
    answered(view)
}

fn answered(view: RouteView) -> Result<Response, Problem> {
    let location = format!("/v1/routes/{}", view.id);
    let location = HeaderValue::try_from(location).map_err(Problem::internal)?;
    let tag = ETag::version(view.version);
    let headers = [(LOCATION, location)];
    Ok((StatusCode::CREATED, tag, headers, ApiJson(view)).into_response())
}

/// 409 if there is a clash.
pub(super) fn refuse(clashes: &[Conflict]) -> Result<(), Problem> {
    let Some(first) = clashes.first() else {
        return Ok(());
    };
    let problem = Problem::conflict(
        "route_conflict",
        format!(
            "the route clashes with {} ({}); change or disable one of them",
            first.route_id, first.detail
        ),
    );
    Err(clashes.iter().fold(problem, |problem, clash| {
        let detail = format!("clashes with {}: {}", clash.route_id, clash.detail);
        problem.error("/path", detail)
    }))
}
