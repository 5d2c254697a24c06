//! Tenants.

#![expect(
    unused_qualifications,
    reason = "the description's `params(…)` expands to qualified paths"
)]

use axum::{extract::State, response::IntoResponse};
use garde::Validate;
use saas_domain::{Slug, TenantId};
use saas_storage::core::{
    Place,
    tenants::{TenantFilter, TenantStatus as Status},
};
use saas_web::{ApiJson, ApiPath, ApiQuery, ETag, IfMatch, Page, PageQuery};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    model::{CreateTenantRequest, CreatedTenant, Tenant, TenantStatus, UpdateTenantRequest},
    service,
};
use crate::{
    access::caller::{Caller, Require, may},
    idempotency::{Created, Creation},
    input::is_plain,
    refusal::Refusal,
    state::Core,
};

pub(crate) fn described() -> OpenApiRouter<Core> {
    OpenApiRouter::new()
        .routes(routes!(list_tenants, create_tenant))
        .routes(routes!(get_tenant, update_tenant))
        .routes(routes!(suspend_tenant))
        .routes(routes!(activate_tenant))
}

/// Which tenants to show.
#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
struct TenantQuery {
    /// Only those whose name or slug contains this.
    #[garde(inner(length(max = 200), custom(is_plain)))]
    q: Option<String>,
    /// Only the one with this slug.
    #[garde(skip)]
    #[param(value_type = Option<String>)]
    slug: Option<Slug>,
    /// Only those with this status.
    #[garde(skip)]
    status: Option<TenantStatus>,
}

fn shown(tenant: Tenant) -> (ETag, ApiJson<Tenant>) {
    (tenant.etag(), ApiJson(tenant))
}

/// Every tenant.
#[utoipa::path(
    get,
    path = "/v1/tenants",
    tag = "tenancy",
    operation_id = "list_tenants",
    security(("bearer" = [])),
    extensions(("x-permission" = json!("platform.tenant:read"))),
    params(PageQuery, TenantQuery),
    responses((status = 200, body = Page<Tenant>))
)]
async fn list_tenants(
    State(core): State<Core>,
    _: Require<may::PlatformTenantRead>,
    page: PageQuery,
    ApiQuery(query): ApiQuery<TenantQuery>,
) -> Result<ApiJson<Page<Tenant>>, Refusal> {
    let sort = page.sort(&["created_at"])?;
    let limit = page.limit();
    let place = Place {
        after: page.cursor::<TenantId>()?,
        descending: sort.descending,
        limit: limit + 1,
    };
    let filter = TenantFilter {
        slug: query.slug,
        status: query.status.map(Status::from),
        search: query.q,
    };
    let found = service::list(&core, &filter, place).await?;
    Ok(ApiJson(Page::cut(found, limit, |tenant| tenant.id)))
}

/// Make a tenant with its owner.
#[utoipa::path(
    post,
    path = "/v1/tenants",
    tag = "tenancy",
    operation_id = "create_tenant",
    security(("bearer" = [])),
    extensions(("x-permission" = json!("platform.tenant:manage"))),
    params(("Idempotency-Key" = Option<String>, Header,
        description = "The caller's name for this call, to repeat it safely.")),
    request_body = CreateTenantRequest,
    responses((status = 201, body = CreatedTenant))
)]
async fn create_tenant(
    State(core): State<Core>,
    Require { caller, .. }: Require<may::PlatformTenantManage>,
    creation: Creation<CreateTenantRequest>,
) -> Result<Created, Refusal> {
    service::create(&core, &caller, creation.input, creation.key).await
}

/// A tenant.
///
/// Any for an operator, the own one for its members.
#[utoipa::path(
    get,
    path = "/v1/tenants/{id}",
    tag = "tenancy",
    operation_id = "get_tenant",
    security(("bearer" = [])),
    extensions(("x-permission" = json!(["tenant:read", "platform.tenant:read"]))),
    params(("id" = uuid::Uuid, Path, description = "The tenant.")),
    responses((status = 200, body = Tenant))
)]
async fn get_tenant(
    State(core): State<Core>,
    caller: Caller,
    ApiPath(id): ApiPath<TenantId>,
) -> Result<impl IntoResponse, Refusal> {
    Ok(shown(service::get(&core, &caller, id).await?))
}

/// Rename a tenant.
///
/// Any for an operator, the own one for its owners.
#[utoipa::path(
    patch,
    path = "/v1/tenants/{id}",
    tag = "tenancy",
    operation_id = "update_tenant",
    security(("bearer" = [])),
    extensions(("x-permission" = json!(["tenant:update", "platform.tenant:manage"]))),
    params(
        ("id" = uuid::Uuid, Path, description = "The tenant."),
        ("If-Match" = Option<String>, Header, description = "The `ETag` the change is made for.")
    ),
    request_body = UpdateTenantRequest,
    responses((status = 200, body = Tenant))
)]
async fn update_tenant(
    State(core): State<Core>,
    caller: Caller,
    ApiPath(id): ApiPath<TenantId>,
    if_match: IfMatch,
    ApiJson(request): ApiJson<UpdateTenantRequest>,
) -> Result<impl IntoResponse, Refusal> {
    let tenant = service::rename(&core, &caller, id, &if_match, &request.name).await?;
    Ok(shown(tenant))
}

/// Stop a tenant's requests.
#[utoipa::path(
    post,
    path = "/v1/tenants/{id}/suspend",
    tag = "tenancy",
    operation_id = "suspend_tenant",
    security(("bearer" = [])),
    extensions(("x-permission" = json!("platform.tenant:manage"))),
    params(
        ("id" = uuid::Uuid, Path, description = "The tenant."),
        ("If-Match" = Option<String>, Header, description = "The `ETag` the change is made for.")
    ),
    responses((status = 200, body = Tenant))
)]
async fn suspend_tenant(
    State(core): State<Core>,
    Require { caller, .. }: Require<may::PlatformTenantManage>,
    ApiPath(id): ApiPath<TenantId>,
    if_match: IfMatch,
) -> Result<impl IntoResponse, Refusal> {
    let status = Status::Suspended;
    Ok(shown(
        service::set_status(&core, &caller, id, &if_match, status).await?,
    ))
}

/// Serve a tenant's requests again.
#[utoipa::path(
    post,
    path = "/v1/tenants/{id}/activate",
    tag = "tenancy",
    operation_id = "activate_tenant",
    security(("bearer" = [])),
    extensions(("x-permission" = json!("platform.tenant:manage"))),
    params(
        ("id" = uuid::Uuid, Path, description = "The tenant."),
        ("If-Match" = Option<String>, Header, description = "The `ETag` the change is made for.")
    ),
    responses((status = 200, body = Tenant))
)]
async fn activate_tenant(
    State(core): State<Core>,
    Require { caller, .. }: Require<may::PlatformTenantManage>,
    ApiPath(id): ApiPath<TenantId>,
    if_match: IfMatch,
) -> Result<impl IntoResponse, Refusal> {
    let status = Status::Active;
    Ok(shown(
        service::set_status(&core, &caller, id, &if_match, status).await?,
    ))
}
