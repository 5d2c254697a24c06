//! Who is calling, and what they may do.

mod authenticate;
mod development;

use http::StatusCode;
use saas_domain::{AccessClaims, Permission, ServiceName, UserId};
use saas_security::{InternalRole, RegistrationGrant};
use saas_web::Problem;

pub(crate) use authenticate::{Authenticator, Keys};

/// Somebody whose credentials were found sound.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    /// One of the platform's own processes, or the operator's command line.
    Internal(InternalRole),
    /// A business service, by the token for its name.
    Service(RegistrationGrant),
    /// A person, by the access token that core issued.
    Person(Box<AccessClaims>),
    /// Whoever holds `METRICS_TOKEN`.
    Monitor,
    /// Somebody on the developer's own machine, without a token.
    Developer,
}

impl Caller {
    /// May see everything the registry knows.
    pub(crate) fn may_read(&self) -> Result<(), Problem> {
        match self {
            Self::Internal(_) | Self::Monitor | Self::Developer => Ok(()),
            Self::Person(claims) => permits(claims, Permission::RegistryRead),
            Self::Service(grant) => Err(only_for(&grant.service)),
        }
    }

    /// May see one service and its instances.
    pub(crate) fn may_read_service(&self, service: &ServiceName) -> Result<(), Problem> {
        match self {
            Self::Service(grant) if grant.service == *service => Ok(()),
            _ => self.may_read(),
        }
    }

    /// May register and renew instances of the service.
    pub(crate) fn may_register(&self, service: &ServiceName) -> Result<(), Problem> {
        match self {
            Self::Internal(InternalRole::Operator) => Ok(()),
            Self::Internal(role)
                if service.is_reserved() && own_name(*role) == service.as_str() =>
            {
                Ok(())
            }
            Self::Internal(_) => Err(Problem::forbidden(
                "wrong_role",
                format!("an internal token of another role cannot register `{service}`"),
            )),
            _ if service.is_reserved() => Err(Problem::forbidden(
                "reserved_name",
                format!(
                    "`{service}` is a name of the platform's own; choose another name for your \
                     service"
                ),
            )),
            Self::Service(grant) if grant.service == *service => Ok(()),
            Self::Service(grant) => Err(only_for(&grant.service)),
            Self::Developer => Ok(()),
            Self::Person(_) | Self::Monitor => Err(Problem::forbidden(
                "registration_token_required",
                format!(
                    "registering takes a token for the service's name; make one with `saas token \
                     create --service {service}`"
                ),
            )),
        }
    }

    /// May declare paths of its service that need no token.
    pub(crate) fn may_declare_public(&self) -> Result<(), Problem> {
        match self {
            Self::Internal(_) | Self::Developer => Ok(()),
            Self::Service(grant) if grant.may_declare_public => Ok(()),
            _ => Err(Problem::forbidden(
                "public_paths_not_allowed",
                "this token may not declare public paths; make one that may with `saas token \
                 create --public`, or let an operator define a route",
            )),
        }
    }

    /// May take an instance of the service out: the service itself, or an operator.
    pub(crate) fn may_remove(&self, service: &ServiceName) -> Result<(), Problem> {
        match self {
            Self::Person(claims) => permits(claims, Permission::RegistryManage),
            _ => self.may_register(service),
        }
    }

    /// May take services out and put them back.
    pub(crate) fn may_manage(&self) -> Result<(), Problem> {
        self.may(Permission::RegistryManage)
    }

    /// May create, change and delete routes.
    pub(crate) fn may_manage_routes(&self) -> Result<(), Problem> {
        self.may(Permission::RouteManage)
    }

    /// May report as a gateway.
    pub(crate) fn may_report(&self) -> Result<(), Problem> {
        match self {
            Self::Internal(InternalRole::Gateway) => Ok(()),
            _ => Err(Problem::forbidden(
                "gateway_only",
                "only gateways report here, with an internal token",
            )),
        }
    }

    fn may(&self, permission: Permission) -> Result<(), Problem> {
        match self {
            Self::Internal(InternalRole::Operator) => Ok(()),
            Self::Person(claims) => permits(claims, permission),
            // Without a token there is nobody to hold to account for a change.
            Self::Developer => Err(Problem::unauthorized(
                "token_required",
                format!("sign in as somebody with the permission {permission}"),
            )),
            Self::Internal(_) | Self::Service(_) | Self::Monitor => Err(missing(permission)),
        }
    }

    /// The person, for the audit log.
    pub(crate) fn person(&self) -> Option<UserId> {
        match self {
            Self::Person(claims) => Some(claims.sub),
            _ => None,
        }
    }
}

const fn own_name(role: InternalRole) -> &'static str {
    match role {
        InternalRole::Gateway => "gateway",
        InternalRole::Core => "core",
        InternalRole::Registry => "registry",
        InternalRole::Operator => "",
    }
}

fn permits(claims: &AccessClaims, permission: Permission) -> Result<(), Problem> {
    if claims.permits(permission) {
        Ok(())
    } else {
        Err(missing(permission))
    }
}

fn missing(permission: Permission) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "permission_denied").detail(format!(
        "this takes the permission {permission}, which the token does not grant"
    ))
}

fn only_for(service: &ServiceName) -> Problem {
    Problem::forbidden(
        "wrong_service",
        format!("the token is for the service `{service}` and for nothing else"),
    )
}
