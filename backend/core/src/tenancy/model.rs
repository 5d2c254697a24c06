//! Tenants and members as the API shows them.

use chrono::{DateTime, Utc};
use garde::Validate;
use saas_domain::{EmailAddress, InvitationId, MembershipId, Slug, TenantId, UserId};
use saas_storage::core::{invitations, memberships, tenants};
use saas_web::ETag;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    access::model::RoleName,
    input::{is_name, is_plain},
    people::model::UserStatus,
};

/// Whether a tenant's requests are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TenantStatus {
    /// They are.
    Active,
    /// An operator stopped them.
    Suspended,
}

impl From<tenants::TenantStatus> for TenantStatus {
    fn from(status: tenants::TenantStatus) -> Self {
        match status {
            tenants::TenantStatus::Active => Self::Active,
            tenants::TenantStatus::Suspended => Self::Suspended,
        }
    }
}

impl From<TenantStatus> for tenants::TenantStatus {
    fn from(status: TenantStatus) -> Self {
        match status {
            TenantStatus::Active => Self::Active,
            TenantStatus::Suspended => Self::Suspended,
        }
    }
}

/// A tenant.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Tenant {
    /// Its identifier.
    #[schema(value_type = uuid::Uuid)]
    pub id: TenantId,
    /// What it is called.
    pub name: String,
    /// Its short name, unique on the platform.
    #[schema(value_type = String, example = "acme")]
    pub slug: Slug,
    /// Whether its requests are served.
    pub status: TenantStatus,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// Counts changes; the `ETag`.
    pub version: i64,
}

impl Tenant {
    pub fn etag(&self) -> ETag {
        ETag::version(self.version)
    }
}

impl From<tenants::Tenant> for Tenant {
    fn from(tenant: tenants::Tenant) -> Self {
        Self {
            id: tenant.id,
            name: tenant.name,
            slug: tenant.slug,
            status: tenant.status.into(),
            created_at: tenant.created_at,
            updated_at: tenant.updated_at,
            version: tenant.version,
        }
    }
}

/// A tenant to make.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateTenantRequest {
    /// What it is called.
    #[garde(length(chars, max = 200), custom(is_name))]
    pub name: String,
    /// Its short name; made from the name if not given.
    #[garde(skip)]
    #[schema(value_type = Option<String>, example = "acme")]
    pub slug: Option<Slug>,
    /// Who owns it; the caller if not given. Somebody unknown gets an account and a one-time
    /// password.
    #[garde(skip)]
    #[schema(value_type = Option<String>, format = "email")]
    pub owner_email: Option<EmailAddress>,
}

/// A tenant that was made.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct CreatedTenant {
    /// The tenant.
    #[serde(flatten)]
    pub tenant: Tenant,
    /// The owner's password if their account was made with the tenant; shown this once. It must be
    /// changed at the first sign-in.
    #[schema(required = true)]
    pub one_time_password: Option<String>,
}

/// What to change in a tenant.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateTenantRequest {
    /// What it is called from now on.
    #[garde(length(chars, max = 200), custom(is_name))]
    pub name: String,
}

/// A member of a tenant.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Member {
    /// The membership's identifier.
    #[schema(value_type = uuid::Uuid)]
    pub id: MembershipId,
    /// The person's identifier.
    #[schema(value_type = uuid::Uuid)]
    pub user_id: UserId,
    /// The person's address.
    #[schema(value_type = String, format = "email")]
    pub email: EmailAddress,
    /// What they are called.
    pub name: String,
    /// What they may do here.
    pub role: RoleName,
    /// Whether they may sign in.
    pub status: UserStatus,
    /// When they last signed in, to whichever tenant.
    #[schema(required = true)]
    pub last_login_at: Option<DateTime<Utc>>,
    /// When they joined.
    pub created_at: DateTime<Utc>,
    /// When the role last changed.
    pub updated_at: DateTime<Utc>,
    /// Counts changes; the `ETag`.
    pub version: i64,
}

impl Member {
    pub fn etag(&self) -> ETag {
        ETag::version(self.version)
    }
}

impl From<memberships::Member> for Member {
    fn from(member: memberships::Member) -> Self {
        Self {
            id: member.membership.id,
            user_id: member.membership.user_id,
            email: member.email,
            name: member.name,
            role: member.membership.role.into(),
            status: member.status.into(),
            last_login_at: member.last_login_at,
            created_at: member.membership.created_at,
            updated_at: member.membership.updated_at,
            version: member.membership.version,
        }
    }
}

/// A person to add to the tenant.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddMemberRequest {
    /// Their address. Somebody unknown gets an account and a one-time password; somebody who has an
    /// account is invited.
    #[garde(skip)]
    #[schema(value_type = String, format = "email")]
    pub email: EmailAddress,
    /// What a person unknown so far is called; the address's beginning if not given.
    #[garde(inner(length(chars, max = 200), custom(is_name)))]
    pub name: Option<String>,
    /// What they may do.
    #[garde(skip)]
    pub role: RoleName,
}

/// Somebody who was added or, having an account already, invited.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct AddedMember {
    /// The member; null for somebody who has to accept the invitation first.
    #[schema(required = true)]
    pub member: Option<Member>,
    /// The password of the account that was made for the member; shown this once. It must be
    /// changed at the first sign-in.
    #[schema(required = true)]
    pub one_time_password: Option<String>,
    /// The invitation of somebody who has an account, with its code; null for a member.
    #[schema(required = true)]
    pub invitation: Option<IssuedInvitation>,
}

/// That somebody with an account may join the tenant.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Invitation {
    /// Its identifier.
    #[schema(value_type = uuid::Uuid)]
    pub id: InvitationId,
    /// The address it is for, as it was given.
    #[schema(value_type = String, format = "email")]
    pub email: EmailAddress,
    /// What they may do once they have joined.
    pub role: RoleName,
    /// Who invited them.
    #[schema(value_type = uuid::Uuid)]
    pub invited_by: UserId,
    /// When that was.
    pub created_at: DateTime<Utc>,
    /// From when on the code is of no use: seven days later.
    pub expires_at: DateTime<Utc>,
}

impl From<invitations::Invitation> for Invitation {
    fn from(invitation: invitations::Invitation) -> Self {
        Self {
            id: invitation.id,
            email: invitation.email,
            role: invitation.role.into(),
            invited_by: invitation.invited_by,
            created_at: invitation.created_at,
            expires_at: invitation.expires_at,
        }
    }
}

/// An invitation with its code.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct IssuedInvitation {
    /// The invitation.
    #[serde(flatten)]
    pub invitation: Invitation,
    /// To be handed to the person, who joins with it; shown this once, and good for one use.
    #[schema(example = "inv_4yKf…")]
    pub code: String,
}

/// The code of an invitation.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcceptInvitationRequest {
    /// The code, as it was handed over.
    #[garde(length(min = 1, max = 128), custom(is_plain))]
    pub code: String,
}

/// What to change in a membership.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateMemberRequest {
    /// What they may do from now on.
    #[garde(skip)]
    pub role: RoleName,
}
