//! What a caller may do, and the built-in roles that bundle it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The role name that a platform operator's token carries beside the tenant's role.
pub const OPERATOR_ROLE: &str = "operator";

/// The text names no permission that this version knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a permission; GET /v1/permissions lists them")]
pub struct UnknownPermission(pub String);

/// The text names no built-in role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a role; expected owner, admin or member")]
pub struct UnknownRole(pub String);

macro_rules! permissions {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal, $scope:ident;)+) => {
        /// One permission. Its text form, `area:action`, is what tokens carry.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum Permission {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Permission {
            /// Every permission, in the order of this list.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The form that tokens and the API carry.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            /// One sentence for people who choose permissions.
            pub const fn description(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii()),+ }
            }

            const fn scope(self) -> Scope {
                match self { $(Self::$name => Scope::$scope),+ }
            }
        }

        impl FromStr for Permission {
            type Err = UnknownPermission;

            fn from_str(text: &str) -> Result<Self, UnknownPermission> {
                match text {
                    $($text => Ok(Self::$name),)+
                    other => Err(UnknownPermission(other.chars().take(64).collect())),
                }
            }
        }
    };
}

/// Where a permission holds: in the caller's own tenant, or on the platform as a whole.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Tenant,
    Platform,
}

permissions! {
    /// See the own tenant.
    TenantRead = "tenant:read", Tenant;
    /// Rename the own tenant.
    TenantUpdate = "tenant:update", Tenant;
    /// See who belongs to the own tenant.
    MemberRead = "member:read", Tenant;
    /// Add members to the own tenant.
    MemberCreate = "member:create", Tenant;
    /// Change the roles of members.
    MemberUpdate = "member:update", Tenant;
    /// Remove members.
    MemberDelete = "member:delete", Tenant;
    /// See the roles that exist and what they permit.
    RoleRead = "role:read", Tenant;
    /// Read the own tenant's audit log.
    AuditRead = "audit:read", Tenant;
    /// See every tenant.
    PlatformTenantRead = "platform.tenant:read", Platform;
    /// Create, rename, suspend and activate tenants.
    PlatformTenantManage = "platform.tenant:manage", Platform;
    /// See every person.
    PlatformUserRead = "platform.user:read", Platform;
    /// Disable and enable people, and reset passwords.
    PlatformUserManage = "platform.user:manage", Platform;
    /// Read the platform's own audit log.
    PlatformAuditRead = "platform.audit:read", Platform;
    /// See what became of backups and drills.
    PlatformRecoveryRead = "platform.recovery:read", Platform;
    /// See services, instances, routes and traffic figures.
    RegistryRead = "registry:read", Platform;
    /// Take services out, drain and remove instances.
    RegistryManage = "registry:manage", Platform;
    /// Create, change, enable and delete routes.
    RouteManage = "route:manage", Platform;
}

impl Permission {
    /// What a platform operator may do: everything of platform scope.
    pub fn of_operator() -> Vec<Self> {
        let platform = |p: &Self| p.scope() == Scope::Platform;
        Self::ALL.iter().copied().filter(platform).collect()
    }

    /// Whether the permission concerns the platform as a whole and never comes with a tenant role.
    pub fn is_platform(self) -> bool {
        self.scope() == Scope::Platform
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for Permission {
    type Error = UnknownPermission;

    fn try_from(text: String) -> Result<Self, UnknownPermission> {
        text.parse()
    }
}

impl From<Permission> for String {
    fn from(permission: Permission) -> Self {
        permission.as_str().to_owned()
    }
}

/// A built-in role within a tenant. They are ordered: an owner may do all an admin may, and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Uses the product; sees the tenant and its members.
    Member,
    /// Manages members, but neither owners nor the tenant itself.
    Admin,
    /// May do everything in the tenant. A tenant always keeps at least one.
    Owner,
}

impl Role {
    /// Every built-in role, least first.
    pub const ALL: [Self; 3] = [Self::Member, Self::Admin, Self::Owner];

    /// The form that tokens and the API carry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// What the role permits, all of tenant scope.
    pub fn permissions(self) -> Vec<Permission> {
        use Permission as P;
        let mut permissions = vec![P::TenantRead, P::MemberRead, P::RoleRead];
        if self >= Self::Admin {
            permissions.extend([
                P::MemberCreate,
                P::MemberUpdate,
                P::MemberDelete,
                P::AuditRead,
            ]);
        }
        if self >= Self::Owner {
            permissions.push(P::TenantUpdate);
        }
        permissions
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        match text {
            "member" => Ok(Self::Member),
            "admin" => Ok(Self::Admin),
            "owner" => Ok(Self::Owner),
            other => Err(UnknownRole(other.chars().take(64).collect())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_survives_its_text_form() {
        for &permission in Permission::ALL {
            assert_eq!(permission.as_str().parse(), Ok(permission));
            assert!(!permission.description().is_empty());
        }
    }

    #[test]
    fn no_tenant_role_carries_a_platform_permission() {
        for role in Role::ALL {
            assert!(
                role.permissions().iter().all(|p| !p.is_platform()),
                "{role}"
            );
        }
    }

    #[test]
    fn each_role_may_do_all_that_the_one_below_it_may() {
        for pair in Role::ALL.windows(2) {
            let above = pair[1].permissions();
            assert!(pair[0].permissions().iter().all(|p| above.contains(p)));
        }
    }
}
