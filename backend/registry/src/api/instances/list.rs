//! `GET /v1/services/{service}/instances`.

#![expect(
    unused_qualifications,
    reason = "the code that utoipa makes of a parameter type names it in full"
)]

use axum::extract::State;
use garde::Validate;
use saas_domain::ServiceName;
use saas_storage::registry::InstanceRecord;
use saas_web::{ApiJson, ApiPath, ApiQuery, Page, PageQuery, Problem};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{InstanceView, Status};
use crate::app::App;
use crate::caller::Caller;
use crate::problem;

/// Which instances to show.
#[derive(Debug, Default, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct InstanceFilter {
    /// Only those that are doing so.
    #[garde(skip)]
    #[param(inline)]
    status: Option<Status>,
    /// Only those that run there.
    #[garde(inner(length(max = 64)))]
    zone: Option<String>,
    /// Only those of this version.
    #[garde(inner(length(max = 64)))]
    version: Option<String>,
}

impl InstanceFilter {
    fn takes(&self, instance: &InstanceRecord) -> bool {
        self.status
            .is_none_or(|status| status == Status::of(instance))
            && (self.zone.is_none() || self.zone == instance.zone)
            && (self.version.is_none() || self.version == instance.version)
    }
}

/// A service's instances
///
/// Sorted by `id`. Takes the permission `registry:read`, or the registration token of the service.
#[utoipa::path(
    get,
    path = "/v1/services/{service}/instances",
    tag = "instances",
    operation_id = "list_instances",
    params(
        ("service" = String, Path, description = "The service's name."),
        PageQuery,
        InstanceFilter
    ),
    responses((status = 200, description = "A page of instances.", body = Page<InstanceView>)),
    security(("bearer" = []))
)]
pub(crate) async fn list_instances(
    State(app): State<App>,
    caller: Caller,
    ApiPath(service): ApiPath<ServiceName>,
    page: PageQuery,
    ApiQuery(filter): ApiQuery<InstanceFilter>,
) -> Result<ApiJson<Page<InstanceView>>, Problem> {
    caller.may_read_service(&service)?;
    let sort = page.sort(&["id"])?;
    let after: Option<String> = page.cursor()?;
    let current = app.current()?;
    let name = service.as_str();
    let entry = current.table.service(name);
    let entry = entry.ok_or_else(|| problem::no_service(name))?;
    let is_next = |instance: &InstanceRecord| {
        let id = instance.key.id.as_str();
        after.as_deref().is_none_or(|after| {
            if sort.descending {
                id < after
            } else {
                id > after
            }
        })
    };
    let limit = page.limit();
    let mut instances: Vec<_> = entry.instances.iter().collect();
    if sort.descending {
        instances.reverse();
    }
    let shown: Vec<_> = instances
        .into_iter()
        .filter(|instance| is_next(instance) && filter.takes(instance))
        .take(limit as usize + 1)
        .collect();
    let page = Page::cut(shown, limit, |instance| instance.key.id.to_string());
    Ok(ApiJson(page.map(InstanceView::from)))
}
