//! Members of the caller's tenant.

#![expect(
    unused_qualifications,
    reason = "the description's `params(…)` expands to qualified paths"
)]

use axum::{extract::State, response::IntoResponse};
use garde::Validate;
use http::StatusCode;
use saas_domain::{MembershipId, Role};
use saas_storage::core::{Place, memberships::MemberFilter};
use saas_web::{ApiJson, ApiPath, ApiQuery, ETag, IfMatch, Page, PageQuery};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    members,
    model::{AddMemberRequest, AddedMember, Member, UpdateMemberRequest},
};
use crate::{
    access::{
        caller::{InTenant, may},
        model::RoleName,
    },
    idempotency::{Created, Creation},
    input::is_plain,
    refusal::Refusal,
    state::Core,
};

pub(crate) fn described() -> OpenApiRouter<Core> {
    OpenApiRouter::new()
        .routes(routes!(list_members, add_member))
        .routes(routes!(get_member, update_member, remove_member))
}

/// Which members to show.
#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
struct MemberQuery {
    /// Only those whose name or address contains this.
    #[garde(inner(length(max = 200), custom(is_plain)))]
    q: Option<String>,
    /// Only those with this role.
    #[garde(skip)]
    role: Option<RoleName>,
}

fn shown(member: Member) -> (ETag, ApiJson<Member>) {
    (member.etag(), ApiJson(member))
}

/// The members of the caller's tenant.
#[utoipa::path(
    get,
    path = "/v1/members",
    tag = "tenancy",
    operation_id = "list_members",
    security(("bearer" = [])),
    extensions(("x-permission" = json!("member:read"))),
    params(PageQuery, MemberQuery),
    responses((status = 200, body = Page<Member>))
)]
async fn list_members(
    State(core): State<Core>,
    InTenant { tenant, .. }: InTenant<may::MemberRead>,
    page: PageQuery,
    ApiQuery(query): ApiQuery<MemberQuery>,
) -> Result<ApiJson<Page<Member>>, Refusal> {
    let sort = page.sort(&["created_at"])?;
    let limit = page.limit();
    let place = Place {
        after: page.cursor::<MembershipId>()?,
        descending: sort.descending,
        limit: limit + 1,
    };
    let filter = MemberFilter {
        role: query.role.map(Role::from),
        search: query.q,
    };
    let found = members::list(&core, tenant, &filter, place).await?;
    Ok(ApiJson(Page::cut(found, limit, |member| member.id)))
}

/// Add a person to the caller's tenant.
///
/// Somebody unknown gets an account, and is a member at once. Somebody who has an account is invited:
/// the answer carries a code, which they enter at `POST /v1/me/invitations/accept`. A second
/// invitation of the same address takes the place of the first.
#[utoipa::path(
    post,
    path = "/v1/members",
    tag = "tenancy",
    operation_id = "add_member",
    security(("bearer" = [])),
    extensions(("x-permission" = json!("member:create"))),
    params(("Idempotency-Key" = Option<String>, Header,
        description = "The caller's name for this call, to repeat it safely.")),
    request_body = AddMemberRequest,
    responses((status = 201, body = AddedMember))
)]
async fn add_member(
    State(core): State<Core>,
    InTenant { caller, tenant, .. }: InTenant<may::MemberCreate>,
    creation: Creation<AddMemberRequest>,
) -> Result<Created, Refusal> {
    members::add(&core, &caller, tenant, creation.input, creation.key).await
}

/// One of the members of the caller's tenant.
#[utoipa::path(
    get,
    path = "/v1/members/{id}",
    tag = "tenancy",
    operation_id = "get_member",
    security(("bearer" = [])),
    extensions(("x-permission" = json!("member:read"))),
    params(("id" = uuid::Uuid, Path, description = "The membership.")),
    responses((status = 200, body = Member))
)]
async fn get_member(
    State(core): State<Core>,
    InTenant { tenant, .. }: InTenant<may::MemberRead>,
    ApiPath(id): ApiPath<MembershipId>,
) -> Result<impl IntoResponse, Refusal> {
    Ok(shown(members::get(&core, tenant, id).await?))
}

/// Give a member another role.
///
/// Only an owner makes or changes owners, and the last owner stays one. The member's tokens of this
/// tenant have to be refreshed.
#[utoipa::path(
    patch,
    path = "/v1/members/{id}",
    tag = "tenancy",
    operation_id = "update_member",
    security(("bearer" = [])),
    extensions(("x-permission" = json!("member:update"))),
    params(
        ("id" = uuid::Uuid, Path, description = "The membership."),
        ("If-Match" = Option<String>, Header, description = "The `ETag` the change is made for.")
    ),
    request_body = UpdateMemberRequest,
    responses((status = 200, body = Member))
)]
async fn update_member(
    State(core): State<Core>,
    InTenant { caller, tenant, .. }: InTenant<may::MemberUpdate>,
    ApiPath(id): ApiPath<MembershipId>,
    if_match: IfMatch,
    ApiJson(request): ApiJson<UpdateMemberRequest>,
) -> Result<impl IntoResponse, Refusal> {
    let role = Role::from(request.role);
    Ok(shown(
        members::set_role(&core, &caller, tenant, id, &if_match, role).await?,
    ))
}

/// Remove a member.
///
/// Only an owner removes owners, and the last owner stays. The person's account stays, too.
#[utoipa::path(
    delete,
    path = "/v1/members/{id}",
    tag = "tenancy",
    operation_id = "remove_member",
    security(("bearer" = [])),
    extensions(("x-permission" = json!("member:delete"))),
    params(
        ("id" = uuid::Uuid, Path, description = "The membership."),
        ("If-Match" = Option<String>, Header, description = "The `ETag` the removal is made for.")
    ),
    responses((status = 204, description = "The person is no member any more."))
)]
async fn remove_member(
    State(core): State<Core>,
    InTenant { caller, tenant, .. }: InTenant<may::MemberDelete>,
    ApiPath(id): ApiPath<MembershipId>,
    if_match: IfMatch,
) -> Result<StatusCode, Refusal> {
    members::remove(&core, &caller, tenant, id, &if_match).await?;
    Ok(StatusCode::NO_CONTENT)
}
