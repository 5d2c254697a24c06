//! Invitations of people who have an account already.

use axum::extract::State;
use http::StatusCode;
use saas_domain::InvitationId;
use saas_storage::core::Place;
use saas_web::{ApiJson, ApiPath, Page, PageQuery};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    invitations,
    model::{AcceptInvitationRequest, Invitation},
};
use crate::{
    access::caller::{InTenant, LeavingCaller, may},
    identity::model::TenantOfMe,
    refusal::Refusal,
    state::Core,
};

pub(crate) fn described() -> OpenApiRouter<Core> {
    OpenApiRouter::new()
        .routes(routes!(list_invitations))
        .routes(routes!(withdraw_invitation))
        .routes(routes!(accept_invitation))
}

/// The open invitations of the caller's tenant.
#[utoipa::path(
    get,
    path = "/v1/invitations",
    tag = "tenancy",
    operation_id = "list_invitations",
    security(("bearer" = [])),
    extensions(("x-permission" = json!("member:create"))),
    params(PageQuery),
    responses((status = 200, body = Page<Invitation>))
)]
async fn list_invitations(
    State(core): State<Core>,
    InTenant { tenant, .. }: InTenant<may::MemberCreate>,
    page: PageQuery,
) -> Result<ApiJson<Page<Invitation>>, Refusal> {
    let sort = page.sort(&["created_at"])?;
    let limit = page.limit();
    let place = Place {
        after: page.cursor::<InvitationId>()?,
        descending: sort.descending,
        limit: limit + 1,
    };
    let found = invitations::list(&core, tenant, place).await?;
    Ok(ApiJson(Page::cut(found, limit, |invitation| invitation.id)))
}

/// Withdraw an invitation.
///
/// Its code is of no use any more. Only an owner withdraws the invitation of an owner.
#[utoipa::path(
    delete,
    path = "/v1/invitations/{id}",
    tag = "tenancy",
    operation_id = "withdraw_invitation",
    security(("bearer" = [])),
    extensions(("x-permission" = json!("member:create"))),
    params(("id" = uuid::Uuid, Path, description = "The invitation.")),
    responses((status = 204, description = "The invitation is withdrawn."))
)]
async fn withdraw_invitation(
    State(core): State<Core>,
    InTenant { caller, tenant, .. }: InTenant<may::MemberCreate>,
    ApiPath(id): ApiPath<InvitationId>,
) -> Result<StatusCode, Refusal> {
    invitations::withdraw(&core, &caller, tenant, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Join the tenant that invited the caller.
///
/// The code works once, for the person who signs in with the invited address, as long as whoever
/// invited them still may. It is a 404 for anybody else, and for a code that is wrong, withdrawn or
/// seven days old. More than 10 codes within 15 minutes are answered with 429. The session stays in
/// the tenant it is in: `POST /v1/auth/switch-tenant` goes on in the new one.
#[utoipa::path(
    post,
    path = "/v1/me/invitations/accept",
    tag = "tenancy",
    operation_id = "accept_invitation",
    security(("bearer" = [])),
    request_body = AcceptInvitationRequest,
    responses((status = 200, body = TenantOfMe))
)]
async fn accept_invitation(
    State(core): State<Core>,
    LeavingCaller(caller): LeavingCaller,
    ApiJson(request): ApiJson<AcceptInvitationRequest>,
) -> Result<ApiJson<TenantOfMe>, Refusal> {
    let joined = invitations::accept(&core, &caller, request.code.trim()).await?;
    Ok(ApiJson(joined))
}
