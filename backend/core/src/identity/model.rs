//! What signing in takes and gives.

use chrono::{DateTime, Utc};
use garde::Validate;
use saas_domain::{EmailAddress, SessionId, TenantId, UserId};
use saas_storage::core::{
    memberships::Membership, sessions, tenants, tenants::TenantStatus, users,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    access::model::RoleName,
    input::{is_name, is_plain},
};

/// Who signs in. A password may be as long as anything that could be one.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginRequest {
    /// The e-mail address, in any case.
    #[garde(skip)]
    #[schema(value_type = String, format = "email", example = "zhang.wei@example.com")]
    pub email: EmailAddress,
    /// The password.
    #[garde(length(min = 1, max = 1024))]
    pub password: String,
    /// A one-time code of a second factor. No account has one yet, so that a code is refused.
    #[garde(inner(length(max = 64), custom(is_plain)))]
    pub otp: Option<String>,
    /// The tenant to act in; without it the first one the person joined that is active.
    #[garde(skip)]
    #[schema(value_type = Option<uuid::Uuid>)]
    pub tenant_id: Option<TenantId>,
}

/// A refresh token, unless it comes in the cookie.
#[derive(Default, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefreshRequest {
    /// The refresh token of the last answer. It works once.
    #[garde(inner(length(min = 1, max = 256)))]
    pub refresh_token: Option<String>,
}

/// Where to go on.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SwitchTenantRequest {
    /// A tenant the caller belongs to.
    #[garde(skip)]
    #[schema(value_type = uuid::Uuid)]
    pub tenant_id: TenantId,
}

/// A person and the tenant they open.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignUpRequest {
    /// The e-mail address to sign in with.
    #[garde(skip)]
    #[schema(value_type = String, format = "email")]
    pub email: EmailAddress,
    /// The password: 10 characters at least, and not among the first that anybody would try.
    #[garde(length(max = 1024))]
    pub password: String,
    /// What the person is called.
    #[garde(length(chars, max = 200), custom(is_name))]
    pub name: String,
    /// What the tenant is called.
    #[garde(length(chars, max = 200), custom(is_name))]
    pub tenant_name: String,
}

/// The own password, old and new.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangePasswordRequest {
    /// The password, or the one-time password, that holds now.
    #[garde(length(min = 1, max = 1024))]
    pub current_password: String,
    /// The new one: 10 characters at least, and not among the first that anybody would try.
    #[garde(length(max = 1024))]
    pub new_password: String,
}

/// A person, as they see themselves.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct User {
    /// Their identifier.
    #[schema(value_type = uuid::Uuid)]
    pub id: UserId,
    /// The address they sign in with.
    #[schema(value_type = String, format = "email")]
    pub email: EmailAddress,
    /// What they are called.
    pub name: String,
    /// Whether they operate the platform.
    pub is_operator: bool,
    /// Whether they must change their password before anything else.
    pub must_change_password: bool,
}

impl From<&users::User> for User {
    fn from(user: &users::User) -> Self {
        Self {
            id: user.id,
            email: user.email.clone(),
            name: user.name.clone(),
            is_operator: user.is_operator,
            must_change_password: user.must_change_password,
        }
    }
}

/// A tenant in few words.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct TenantSummary {
    /// Its identifier.
    #[schema(value_type = uuid::Uuid)]
    pub id: TenantId,
    /// What it is called.
    pub name: String,
    /// Its short name.
    pub slug: String,
    /// Whether its requests are refused at the moment.
    pub is_suspended: bool,
}

impl From<&tenants::Tenant> for TenantSummary {
    fn from(tenant: &tenants::Tenant) -> Self {
        Self {
            id: tenant.id,
            name: tenant.name.clone(),
            slug: tenant.slug.to_string(),
            is_suspended: tenant.status == TenantStatus::Suspended,
        }
    }
}

/// A tenant that a person belongs to.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct TenantOfMe {
    /// Its identifier.
    #[schema(value_type = uuid::Uuid)]
    pub id: TenantId,
    /// What it is called.
    pub name: String,
    /// Its short name.
    pub slug: String,
    /// The person's role there.
    pub role: RoleName,
    /// Whether its requests are refused at the moment.
    pub is_suspended: bool,
}

impl TenantOfMe {
    pub fn new(membership: &Membership, tenant: &tenants::Tenant) -> Self {
        Self {
            id: tenant.id,
            name: tenant.name.clone(),
            slug: tenant.slug.to_string(),
            role: membership.role.into(),
            is_suspended: tenant.status == TenantStatus::Suspended,
        }
    }
}

/// The caller.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Me {
    /// The person.
    pub user: User,
    /// The tenant they act in; null for somebody who acts in none.
    #[schema(required = true)]
    pub tenant: Option<TenantSummary>,
    /// Their role in the tenant, and `operator` for an operator of the platform.
    #[schema(example = json!(["owner"]))]
    pub roles: Vec<String>,
    /// What their token permits.
    #[schema(example = json!(["tenant:read", "member:read"]))]
    pub permissions: Vec<String>,
    /// Every tenant they belong to.
    pub tenants: Vec<TenantOfMe>,
}

/// Tokens, and who they are for.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct TokenAnswer {
    /// The access token, a JWT of type `at+jwt`.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: &'static str,
    /// Seconds until the access token ends.
    pub expires_in: i64,
    /// The refresh token, which works once; null if it went into the cookie.
    #[schema(required = true)]
    pub refresh_token: Option<String>,
    /// For `X-CSRF-Token` in later calls with the cookie; null without one.
    #[schema(required = true)]
    pub csrf_token: Option<String>,
    /// The person.
    pub user: User,
    /// The tenant they act in; null for somebody in none.
    #[schema(required = true)]
    pub tenant: Option<TenantSummary>,
}

/// What signing up made.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct SignedUp {
    /// The person.
    pub user: User,
    /// Their tenant, of which they are the owner.
    pub tenant: TenantSummary,
}

/// A session of the caller's.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Session {
    /// Its identifier.
    #[schema(value_type = uuid::Uuid)]
    pub id: SessionId,
    /// Whether it is the one that asks.
    pub is_current: bool,
    /// The program it began with, as that called itself.
    #[schema(required = true)]
    pub user_agent: Option<String>,
    /// The network address it began from.
    #[schema(required = true)]
    pub address: Option<String>,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When tokens were last issued.
    pub last_used_at: DateTime<Utc>,
    /// When it ends unless it is used.
    pub expires_at: DateTime<Utc>,
}

impl Session {
    pub fn new(session: sessions::Session, current: SessionId) -> Self {
        Self {
            is_current: session.id == current,
            id: session.id,
            user_agent: session.user_agent,
            address: session.address,
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            expires_at: session.expires_at,
        }
    }
}
