//! People, for operators.

#![expect(
    unused_qualifications,
    reason = "the description's `params(…)` expands to qualified paths"
)]

use axum::{extract::State, response::IntoResponse};
use garde::Validate;
use saas_domain::{EmailAddress, UserId};
use saas_security::InternalRole;
use saas_storage::core::{
    Place,
    users::{UserFilter, UserStatus as Status},
};
use saas_web::{ApiJson, ApiPath, ApiQuery, ETag, IfMatch, Page, PageQuery};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    model::{PasswordReset, Person, ResetRequest, UserStatus},
    reset, service,
};
use crate::{
    access::{
        caller::{Require, may},
        internal::Internal,
    },
    input::is_plain,
    refusal::Refusal,
    state::Core,
};

pub(crate) fn described() -> OpenApiRouter<Core> {
    OpenApiRouter::new()
        .routes(routes!(list_users))
        .routes(routes!(get_user))
        .routes(routes!(disable_user))
        .routes(routes!(enable_user))
        .routes(routes!(reset_password))
}

/// Which people to show.
#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
struct UserQuery {
    /// Only those whose name or address contains this.
    #[garde(inner(length(max = 200), custom(is_plain)))]
    q: Option<String>,
    /// Only the one with this address.
    #[garde(skip)]
    #[param(value_type = Option<String>)]
    email: Option<EmailAddress>,
    /// Only those with this status.
    #[garde(skip)]
    status: Option<UserStatus>,
}

fn shown(person: Person) -> (ETag, ApiJson<Person>) {
    (person.etag(), ApiJson(person))
}

/// Everybody who has an account.
#[utoipa::path(
    get,
    path = "/v1/users",
    tag = "people",
    operation_id = "list_users",
    security(("bearer" = [])),
    extensions(("x-permission" = json!("platform.user:read"))),
    params(PageQuery, UserQuery),
    responses((status = 200, body = Page<Person>))
)]
async fn list_users(
    State(core): State<Core>,
    _: Require<may::PlatformUserRead>,
    page: PageQuery,
    ApiQuery(query): ApiQuery<UserQuery>,
) -> Result<ApiJson<Page<Person>>, Refusal> {
    let sort = page.sort(&["created_at"])?;
    let limit = page.limit();
    let place = Place {
        after: page.cursor::<UserId>()?,
        descending: sort.descending,
        limit: limit + 1,
    };
    let filter = UserFilter {
        email: query.email,
        status: query.status.map(Status::from),
        search: query.q,
    };
    let found = service::list(&core, &filter, place).await?;
    Ok(ApiJson(Page::cut(found, limit, |person| person.id)))
}

/// A person.
#[utoipa::path(
    get,
    path = "/v1/users/{id}",
    tag = "people",
    operation_id = "get_user",
    security(("bearer" = [])),
    extensions(("x-permission" = json!("platform.user:read"))),
    params(("id" = uuid::Uuid, Path, description = "The person.")),
    responses((status = 200, body = Person))
)]
async fn get_user(
    State(core): State<Core>,
    _: Require<may::PlatformUserRead>,
    ApiPath(id): ApiPath<UserId>,
) -> Result<impl IntoResponse, Refusal> {
    Ok(shown(service::get(&core, id).await?))
}

/// Shut a person out.
///
/// Their sessions end and their tokens are refused, at once.
#[utoipa::path(
    post,
    path = "/v1/users/{id}/disable",
    tag = "people",
    operation_id = "disable_user",
    security(("bearer" = [])),
    extensions(("x-permission" = json!("platform.user:manage"))),
    params(
        ("id" = uuid::Uuid, Path, description = "The person."),
        ("If-Match" = Option<String>, Header, description = "The `ETag` the change is made for.")
    ),
    responses((status = 200, body = Person))
)]
async fn disable_user(
    State(core): State<Core>,
    Require { caller, .. }: Require<may::PlatformUserManage>,
    ApiPath(id): ApiPath<UserId>,
    if_match: IfMatch,
) -> Result<impl IntoResponse, Refusal> {
    Ok(shown(
        service::disable(&core, &caller, id, &if_match).await?,
    ))
}

/// Let a person in again, or for the first time after they signed up.
#[utoipa::path(
    post,
    path = "/v1/users/{id}/enable",
    tag = "people",
    operation_id = "enable_user",
    security(("bearer" = [])),
    extensions(("x-permission" = json!("platform.user:manage"))),
    params(
        ("id" = uuid::Uuid, Path, description = "The person."),
        ("If-Match" = Option<String>, Header, description = "The `ETag` the change is made for.")
    ),
    responses((status = 200, body = Person))
)]
async fn enable_user(
    State(core): State<Core>,
    Require { caller, .. }: Require<may::PlatformUserManage>,
    ApiPath(id): ApiPath<UserId>,
    if_match: IfMatch,
) -> Result<impl IntoResponse, Refusal> {
    Ok(shown(service::enable(&core, &caller, id, &if_match).await?))
}

/// Give a person a one-time password.
///
/// Their sessions end. The password is shown this once and must be changed at the next sign-in.
#[utoipa::path(
    post,
    path = "/v1/users/{id}/reset-password",
    tag = "people",
    operation_id = "reset_password",
    security(("bearer" = [])),
    extensions(("x-permission" = json!("platform.user:manage"))),
    params(("id" = uuid::Uuid, Path, description = "The person.")),
    responses((status = 200, body = PasswordReset))
)]
async fn reset_password(
    State(core): State<Core>,
    Require { caller, .. }: Require<may::PlatformUserManage>,
    ApiPath(id): ApiPath<UserId>,
) -> Result<ApiJson<PasswordReset>, Refusal> {
    Ok(ApiJson(reset::for_operator(&core, &caller, id).await?))
}

/// For `saas user reset-password`. Not in the description: only our own command line calls it.
pub(crate) async fn reset_password_of(
    State(core): State<Core>,
    internal: Internal,
    ApiJson(request): ApiJson<ResetRequest>,
) -> Result<ApiJson<PasswordReset>, Refusal> {
    internal.only(&[InternalRole::Operator])?;
    Ok(ApiJson(reset::for_machine(&core, &request.email).await?))
}
