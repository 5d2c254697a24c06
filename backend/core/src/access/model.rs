//! Roles and permissions as the API shows them.

use saas_domain::{Permission, Role};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A built-in role within a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Role)]
pub(crate) enum RoleName {
    /// May do everything in the tenant. A tenant always keeps at least one.
    Owner,
    /// Manages members, but neither owners nor the tenant itself.
    Admin,
    /// Uses the product; sees the tenant and its members.
    Member,
}

impl From<Role> for RoleName {
    fn from(role: Role) -> Self {
        match role {
            Role::Owner => Self::Owner,
            Role::Admin => Self::Admin,
            Role::Member => Self::Member,
        }
    }
}

impl From<RoleName> for Role {
    fn from(role: RoleName) -> Self {
        match role {
            RoleName::Owner => Self::Owner,
            RoleName::Admin => Self::Admin,
            RoleName::Member => Self::Member,
        }
    }
}

/// A role and what it permits.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct RoleDescription {
    /// The role.
    pub name: RoleName,
    /// The permissions it bundles.
    #[schema(example = json!(["tenant:read", "member:read"]))]
    pub permissions: Vec<&'static str>,
}

/// A permission.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct PermissionDescription {
    /// Its name, as tokens carry it.
    #[schema(example = "member:read")]
    pub name: &'static str,
    /// What it allows.
    pub description: &'static str,
    /// True: it concerns the platform and never comes with a tenant's role.
    pub is_platform: bool,
}

pub(crate) fn roles() -> Vec<RoleDescription> {
    let describe = |role: &Role| RoleDescription {
        name: (*role).into(),
        permissions: role.permissions().iter().map(|p| p.as_str()).collect(),
    };
    Role::ALL.iter().rev().map(describe).collect()
}

pub(crate) fn permissions() -> Vec<PermissionDescription> {
    let describe = |permission: &Permission| PermissionDescription {
        name: permission.as_str(),
        description: permission.description(),
        is_platform: permission.is_platform(),
    };
    Permission::ALL.iter().map(describe).collect()
}
