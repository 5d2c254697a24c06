//! `GET /v1/routes`.

#![expect(
    unused_qualifications,
    reason = "the code that utoipa makes of a parameter type names it in full"
)]

use axum::extract::State;
use garde::Validate;
use saas_domain::ServiceName;
use saas_storage::registry::RouteRecord;
use saas_web::{ApiJson, ApiQuery, Page, PageQuery, Problem};
use serde::Deserialize;
use utoipa::IntoParams;

use super::RouteView;
use crate::app::App;
use crate::caller::Caller;

/// Which routes to show.
#[derive(Debug, Default, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RouteFilter {
    /// Only those that lead there.
    #[garde(skip)]
    #[param(value_type = Option<String>)]
    service: Option<ServiceName>,
    /// Only those that are in, or out.
    #[garde(skip)]
    is_enabled: Option<bool>,
}

impl RouteFilter {
    fn takes(&self, route: &RouteRecord) -> bool {
        self.service
            .as_ref()
            .is_none_or(|wanted| *wanted == route.service)
            && self
                .is_enabled
                .is_none_or(|wanted| wanted == route.is_enabled)
    }
}

/// The routes
///
/// Sorted by `path`, or by `created_at`. Takes the permission `registry:read`.
#[utoipa::path(
    get,
    path = "/v1/routes",
    tag = "routes",
    operation_id = "list_routes",
    params(PageQuery, RouteFilter),
    responses((status = 200, description = "A page of routes.", body = Page<RouteView>)),
    security(("bearer" = []))
)]
pub(crate) async fn list_routes(
    State(app): State<App>,
    caller: Caller,
    page: PageQuery,
    ApiQuery(filter): ApiQuery<RouteFilter>,
) -> Result<ApiJson<Page<RouteView>>, Problem> {
    caller.may_read()?;
    let sort = page.sort(&["path", "created_at"])?;
    // The identifier tells apart what sorts alike.
    let key = |route: &RouteRecord| match sort.field {
        "path" => (route.path.clone(), route.id.to_string()),
        _ => (route.created_at.to_rfc3339(), route.id.to_string()),
    };
    let after: Option<(String, String)> = page.cursor()?;
    let current = app.current()?;
    let mut routes: Vec<_> = current
        .table
        .routes()
        .filter(|route| filter.takes(route))
        .map(|route| (key(route), route))
        .collect();
    routes.sort_unstable_by(
        |(a, _), (b, _)| {
            if sort.descending { b.cmp(a) } else { a.cmp(b) }
        },
    );
    if let Some(after) = &after {
        routes.retain(|(key, _)| {
            if sort.descending {
                key < after
            } else {
                key > after
            }
        });
    }
    let page = Page::cut(routes, page.limit(), |(key, _)| key.clone());
    Ok(ApiJson(page.map(|(_, route)| RouteView::from(&**route))))
}
