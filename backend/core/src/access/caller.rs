//! Who calls: extractors that a handler names, so that none can forget to ask.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use http::request::Parts;
use saas_domain::{AccessClaims, Permission, Role, SessionId, TenantId, UserId};
use saas_registry_client::Standing;
use saas_security::TokenError;
use saas_web::{Problem, bearer_token};

use super::origin::Origin;
use crate::state::Core;

/// A person with a valid token that is neither restricted nor of a suspended tenant.
#[derive(Clone, Debug)]
pub struct Caller {
    claims: AccessClaims,
    origin: Origin,
}

/// What a token may be short of for a handler that is needed to get out of that state.
#[derive(Clone, Copy, Default)]
struct Leniency {
    restricted: bool,
    suspended_tenant: bool,
}

impl Caller {
    /// The person.
    pub fn user(&self) -> UserId {
        self.claims.sub
    }

    /// The session that the token belongs to.
    pub fn session(&self) -> SessionId {
        self.claims.sid
    }

    /// The tenant they act in, if they act in one.
    pub fn tenant(&self) -> Option<TenantId> {
        self.claims.tid
    }

    /// Role names, as the token carries them.
    pub fn roles(&self) -> &[String] {
        &self.claims.roles
    }

    /// Permissions, as the token carries them.
    pub fn permissions(&self) -> &[String] {
        &self.claims.permissions
    }

    /// Where the request comes from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether the token grants the permission.
    pub fn permits(&self, permission: Permission) -> bool {
        self.claims.permits(permission)
    }

    /// The tenant they act in; a 403 if they act in none.
    pub fn require_tenant(&self) -> Result<TenantId, Problem> {
        self.tenant().ok_or_else(|| {
            Problem::forbidden(
                "tenant_required",
                "this concerns a tenant and you act in none; switch to one: \
                 POST /v1/auth/switch-tenant",
            )
        })
    }

    /// The role in the tenant they act in.
    pub fn role(&self) -> Option<Role> {
        let roles = self.claims.roles.iter();
        roles.filter_map(|role| role.parse().ok()).max()
    }

    /// A 403 that names the permission, unless the token grants it.
    pub fn require(&self, permission: Permission) -> Result<(), Problem> {
        if self.permits(permission) {
            return Ok(());
        }
        Err(Problem::forbidden(
            "permission_denied",
            format!("this needs the permission `{permission}`, which you do not have"),
        ))
    }

    fn from_parts(parts: &Parts, core: &Core, leniency: Leniency) -> Result<Self, Problem> {
        let token = bearer_token(&parts.headers).ok_or_else(|| {
            Problem::unauthorized(
                "token_required",
                "sign in and send the access token: `Authorization: Bearer …`",
            )
        })?;
        let claims = verify(core, token)?;
        stand(core, &claims, leniency)?;
        if claims.restricted && !leniency.restricted {
            return Err(Problem::forbidden(
                "password_change_required",
                "change your password first: POST /v1/me/password",
            ));
        }
        let origin = Origin::of(parts, core);
        Ok(Self { claims, origin })
    }
}

/// The claims of a token whose signature and time are sound, ended or not.
pub(crate) fn verify(core: &Core, token: &str) -> Result<AccessClaims, Problem> {
    core.trust
        .table()
        .verify(token, core.clock.now())
        .map_err(|error| match error {
            TokenError::Expired => Problem::unauthorized(
                "token_expired",
                "the access token has expired; refresh it: POST /v1/auth/refresh",
            )
            .source(error),
            other => Problem::unauthorized(
                "token_invalid",
                "the access token is not one of this platform; sign in again",
            )
            .source(other),
        })
}

fn stand(core: &Core, claims: &AccessClaims, leniency: Leniency) -> Result<(), Problem> {
    if !core.trust.is_fresh() {
        return Err(Problem::unavailable(
            "trust_stale",
            1,
            "it cannot be told at the moment whether your session goes on; try again",
        ));
    }
    match core.trust.table().standing(claims) {
        Standing::Good => Ok(()),
        Standing::SessionRevoked => Err(Problem::unauthorized(
            "session_ended",
            "this session has ended; sign in again",
        )),
        Standing::Stale => Err(Problem::unauthorized(
            "token_stale",
            "your rights changed since the token was issued; refresh it: POST /v1/auth/refresh",
        )),
        Standing::TenantSuspended if leniency.suspended_tenant => Ok(()),
        Standing::TenantSuspended => Err(Problem::forbidden(
            "tenant_suspended",
            "the tenant is suspended; switch to another one, or ask the operator of the platform",
        )),
    }
}

impl FromRequestParts<Core> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, core: &Core) -> Result<Self, Problem> {
        Self::from_parts(parts, core, Leniency::default())
    }
}

/// A caller about their own account, which is theirs whatever is asked of them first: they may have
/// to change their password, and the tenant they act in may be suspended.
pub(crate) struct RestrictedCaller(pub Caller);

impl FromRequestParts<Core> for RestrictedCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, core: &Core) -> Result<Self, Problem> {
        let leniency = Leniency {
            restricted: true,
            suspended_tenant: true,
        };
        Caller::from_parts(parts, core, leniency).map(Self)
    }
}

/// A caller whose tenant may be suspended: they want to leave it.
pub(crate) struct LeavingCaller(pub Caller);

impl FromRequestParts<Core> for LeavingCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, core: &Core) -> Result<Self, Problem> {
        let leniency = Leniency {
            suspended_tenant: true,
            ..Leniency::default()
        };
        Caller::from_parts(parts, core, leniency).map(Self)
    }
}

/// A permission as a type, for [`Require`] and [`InTenant`].
pub trait Needs: Send + Sync + 'static {
    /// The permission.
    const PERMISSION: Permission;
}

macro_rules! needs {
    ($($name:ident),+ $(,)?) => {
        /// Each permission as a type.
        pub mod may {
            $(
                #[doc = concat!("`Permission::", stringify!($name), "` as a type.")]
                #[derive(Clone, Copy, Debug)]
                pub struct $name;

                impl super::Needs for $name {
                    const PERMISSION: saas_domain::Permission =
                        saas_domain::Permission::$name;
                }
            )+
        }
    };
}

needs!(
    MemberRead,
    MemberCreate,
    MemberUpdate,
    MemberDelete,
    RoleRead,
    PlatformTenantRead,
    PlatformTenantManage,
    PlatformUserRead,
    PlatformUserManage,
    PlatformRecoveryRead,
    RegistryRead,
);

/// A caller who has the permission `P`.
pub struct Require<P> {
    /// The caller.
    pub caller: Caller,
    permission: PhantomData<P>,
}

impl<P: Needs> FromRequestParts<Core> for Require<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, core: &Core) -> Result<Self, Problem> {
        // Whoever operates the platform does not stop when the tenant they act in does: they are the
        // one who can activate it again.
        let leniency = Leniency {
            suspended_tenant: P::PERMISSION.is_platform(),
            ..Leniency::default()
        };
        let caller = Caller::from_parts(parts, core, leniency)?;
        caller.require(P::PERMISSION)?;
        Ok(Self {
            caller,
            permission: PhantomData,
        })
    }
}

/// A caller who acts in a tenant and has the permission `P` there.
pub struct InTenant<P> {
    /// The caller.
    pub caller: Caller,
    /// The tenant they act in: from the token, never from the request.
    pub tenant: TenantId,
    permission: PhantomData<P>,
}

impl<P: Needs> FromRequestParts<Core> for InTenant<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, core: &Core) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, core).await?;
        let tenant = caller.require_tenant()?;
        caller.require(P::PERMISSION)?;
        Ok(Self {
            caller,
            tenant,
            permission: PhantomData,
        })
    }
}
