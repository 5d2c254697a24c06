//! The own account: who am I, password, tenant, sessions.

use axum::{extract::State, response::Response};
use http::StatusCode;
use saas_domain::SessionId;
use saas_storage::core::Place;
use saas_web::{ApiJson, ApiPath, Page, PageQuery};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    model::{ChangePasswordRequest, Me, Session, SwitchTenantRequest, TokenAnswer},
    routes::answer,
    service::{me, password, sessions, switch_tenant},
};
use crate::{
    access::caller::{Caller, LeavingCaller, RestrictedCaller},
    refusal::Refusal,
    state::Core,
};

pub(crate) fn described() -> OpenApiRouter<Core> {
    OpenApiRouter::new()
        .routes(routes!(show_me))
        .routes(routes!(change_password))
        .routes(routes!(switch))
        .routes(routes!(list_sessions))
        .routes(routes!(end_session))
}

/// The caller: person, tenant, roles, permissions.
///
/// Answers in a suspended tenant too, and says so: the caller can then choose another one.
#[utoipa::path(
    get,
    path = "/v1/me",
    tag = "identity",
    operation_id = "me",
    security(("bearer" = [])),
    responses((status = 200, body = Me))
)]
async fn show_me(
    State(core): State<Core>,
    RestrictedCaller(caller): RestrictedCaller,
) -> Result<ApiJson<Me>, Refusal> {
    Ok(ApiJson(me::me(&core, &caller).await?))
}

/// Change the own password.
///
/// Ends every other session of the caller and gives new tokens for this one.
#[utoipa::path(
    post,
    path = "/v1/me/password",
    tag = "identity",
    operation_id = "change_password",
    security(("bearer" = [])),
    params(("X-Saas-Session" = Option<String>, Header,
        description = "Not needed: the session stays what it is.")),
    request_body = ChangePasswordRequest,
    responses((status = 200, body = TokenAnswer))
)]
async fn change_password(
    State(core): State<Core>,
    RestrictedCaller(caller): RestrictedCaller,
    ApiJson(request): ApiJson<ChangePasswordRequest>,
) -> Result<Response, Refusal> {
    let issued = password::change(&core, &caller, request).await?;
    Ok(answer(&core, issued)?)
}

/// Go on in another tenant.
///
/// Gives new tokens in the same session; the refresh token before them works no more.
#[utoipa::path(
    post,
    path = "/v1/auth/switch-tenant",
    tag = "identity",
    operation_id = "switch_tenant",
    security(("bearer" = [])),
    params(("X-Saas-Session" = Option<String>, Header,
        description = "Not needed: the session stays what it is.")),
    request_body = SwitchTenantRequest,
    responses((status = 200, body = TokenAnswer))
)]
async fn switch(
    State(core): State<Core>,
    LeavingCaller(caller): LeavingCaller,
    ApiJson(request): ApiJson<SwitchTenantRequest>,
) -> Result<Response, Refusal> {
    let issued = switch_tenant::switch_tenant(&core, &caller, request.tenant_id).await?;
    Ok(answer(&core, issued)?)
}

/// The caller's own sessions.
#[utoipa::path(
    get,
    path = "/v1/sessions",
    tag = "identity",
    operation_id = "list_sessions",
    security(("bearer" = [])),
    params(PageQuery),
    responses((status = 200, body = Page<Session>))
)]
async fn list_sessions(
    State(core): State<Core>,
    caller: Caller,
    page: PageQuery,
) -> Result<ApiJson<Page<Session>>, Refusal> {
    let sort = page.sort(&["created_at"])?;
    let limit = page.limit();
    let place = Place {
        after: page.cursor::<SessionId>()?,
        descending: sort.descending,
        limit: limit + 1,
    };
    let found = sessions::list(&core, &caller, place).await?;
    Ok(ApiJson(Page::cut(found, limit, |session| session.id)))
}

/// End one of the caller's own sessions.
#[utoipa::path(
    delete,
    path = "/v1/sessions/{id}",
    tag = "identity",
    operation_id = "end_session",
    security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The session.")),
    responses((status = 204, description = "The session has ended."))
)]
async fn end_session(
    State(core): State<Core>,
    caller: Caller,
    ApiPath(id): ApiPath<SessionId>,
) -> Result<StatusCode, Refusal> {
    sessions::end(&core, &caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
