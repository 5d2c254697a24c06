//! What roles and permissions there are.

use saas_web::{ApiJson, Page};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    caller::{InTenant, may},
    model::{self, PermissionDescription, RoleDescription},
};
use crate::state::Core;

pub(crate) fn described() -> OpenApiRouter<Core> {
    OpenApiRouter::new()
        .routes(routes!(list_roles))
        .routes(routes!(list_permissions))
}

/// The built-in roles, greatest first, and what each permits.
#[utoipa::path(
    get,
    path = "/v1/roles",
    tag = "access",
    operation_id = "list_roles",
    security(("bearer" = [])),
    extensions(("x-permission" = json!("role:read"))),
    responses((status = 200, body = Page<RoleDescription>))
)]
async fn list_roles(_: InTenant<may::RoleRead>) -> ApiJson<Page<RoleDescription>> {
    ApiJson(Page {
        items: model::roles(),
        next_cursor: None,
    })
}

/// Every permission there is.
#[utoipa::path(
    get,
    path = "/v1/permissions",
    tag = "access",
    operation_id = "list_permissions",
    security(("bearer" = [])),
    extensions(("x-permission" = json!("role:read"))),
    responses((status = 200, body = Page<PermissionDescription>))
)]
async fn list_permissions(_: InTenant<may::RoleRead>) -> ApiJson<Page<PermissionDescription>> {
    ApiJson(Page {
        items: model::permissions(),
        next_cursor: None,
    })
}
