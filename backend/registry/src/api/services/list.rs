//! `GET /v1/services`.

#![expect(
    unused_qualifications,
    reason = "the code that utoipa makes of a parameter type names it in full"
)]

use axum::extract::State;
use garde::Validate;
use saas_web::{ApiJson, ApiQuery, Page, PageQuery, Problem};
use serde::Deserialize;
use utoipa::IntoParams;

use super::ServiceView;
use crate::api::rules;
use crate::app::App;
use crate::caller::Caller;

/// Which services to show.
#[derive(Debug, Default, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ServiceFilter {
    /// Only those that are in, or out.
    #[garde(skip)]
    is_active: Option<bool>,
    /// Only those whose name contains this.
    #[garde(inner(length(max = 128), custom(rules::plain)))]
    name: Option<String>,
}

/// The services
///
/// Sorted by `name`. Takes the permission `registry:read`.
#[utoipa::path(
    get,
    path = "/v1/services",
    tag = "services",
    operation_id = "list_services",
    params(PageQuery, ServiceFilter),
    responses((status = 200, description = "A page of services.", body = Page<ServiceView>)),
    security(("bearer" = []))
)]
pub(crate) async fn list_services(
    State(app): State<App>,
    caller: Caller,
    page: PageQuery,
    ApiQuery(filter): ApiQuery<ServiceFilter>,
) -> Result<ApiJson<Page<ServiceView>>, Problem> {
    caller.may_read()?;
    let sort = page.sort(&["name"])?;
    let after: Option<String> = page.cursor()?;
    let current = app.current()?;
    let is_wanted = |name: &str, is_active: bool| {
        filter.is_active.is_none_or(|wanted| wanted == is_active)
            && filter
                .name
                .as_deref()
                .is_none_or(|part| name.contains(part))
            && after.as_deref().is_none_or(|after| {
                if sort.descending {
                    name < after
                } else {
                    name > after
                }
            })
    };
    let limit = page.limit();
    let mut services: Vec<_> = current.table.services().collect();
    if sort.descending {
        services.reverse();
    }
    let shown: Vec<_> = services
        .into_iter()
        .filter(|entry| is_wanted(entry.service.name.as_str(), entry.service.is_active))
        .take(limit as usize + 1)
        .collect();
    let page = Page::cut(shown, limit, |entry| entry.service.name.to_string());
    Ok(ApiJson(page.map(|entry| ServiceView::from(&**entry))))
}
