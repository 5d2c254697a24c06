//! Reading the audit log.

#![expect(
    unused_qualifications,
    reason = "the description's `params(…)` expands to qualified paths"
)]

use axum::extract::State;
use garde::Validate;
use saas_domain::{AuditEventId, Permission, UserId};
use saas_storage::core::audit::AuditFilter;
use saas_web::{ApiJson, ApiQuery, Page, PageQuery};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{model::AuditEvent, service};
use crate::{access::caller::Caller, input::is_plain, refusal::Refusal, state::Core};

pub(crate) fn described() -> OpenApiRouter<Core> {
    OpenApiRouter::new().routes(routes!(list_audit_events))
}

/// Which entries to show.
#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
struct AuditQuery {
    /// Only this action.
    #[garde(inner(length(max = 64), custom(is_plain)))]
    action: Option<String>,
    /// Only what this person did.
    #[garde(skip)]
    #[param(value_type = Option<uuid::Uuid>)]
    actor_id: Option<UserId>,
    /// Whose log; without it the tenant's, and the platform's for somebody in no tenant.
    #[garde(skip)]
    #[param(inline)]
    log: Option<Log>,
}

/// Whose log.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Log {
    /// The tenant's the caller acts in. Needs `audit:read`.
    Tenant,
    /// The platform's own. Needs `platform.audit:read`.
    Platform,
}

/// Entries of the audit log, newest first.
#[utoipa::path(
    get,
    path = "/v1/audit-events",
    tag = "audit",
    operation_id = "list_audit_events",
    security(("bearer" = [])),
    extensions(("x-permission" = json!(["audit:read", "platform.audit:read"]))),
    params(PageQuery, AuditQuery),
    responses((status = 200, body = Page<AuditEvent>))
)]
async fn list_audit_events(
    State(core): State<Core>,
    caller: Caller,
    page: PageQuery,
    ApiQuery(query): ApiQuery<AuditQuery>,
) -> Result<ApiJson<Page<AuditEvent>>, Refusal> {
    page.sort(&["created_at"])?;
    let before: Option<AuditEventId> = page.cursor()?;
    let filter = AuditFilter {
        action: query.action,
        actor_id: query.actor_id,
    };
    let limit = page.limit();
    let log = query.log.unwrap_or(match caller.tenant() {
        Some(_) => Log::Tenant,
        None => Log::Platform,
    });
    let events = match log {
        Log::Tenant => {
            let tenant = caller.require_tenant()?;
            caller.require(Permission::AuditRead)?;
            service::of_tenant(&core, tenant, &filter, before, limit + 1).await?
        }
        Log::Platform => {
            caller.require(Permission::PlatformAuditRead)?;
            service::of_platform(&core, &filter, before, limit + 1).await?
        }
    };
    Ok(ApiJson(Page::cut(events, limit, |event| event.id)))
}
