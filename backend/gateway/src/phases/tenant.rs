//! In which tenant: a suspended one is refused, and business services need one.

use saas_registry_client::Standing;

use super::{CheckedPath, Desk, Principal, Refusal};
use crate::table::{ServiceEntry, ServiceKind};

/// Paths of core by which somebody leaves a suspended tenant: `switch-tenant`, `logout`.
const LEAVING: &str = "/v1/auth/";

/// Where core tells somebody who they are, that their tenant is suspended and which others there
/// are to go to.
const WHO_AM_I: &str = "/v1/me";

pub(super) fn check(
    desk: &Desk<'_>,
    service: &ServiceEntry,
    principal: &Principal,
    path: &CheckedPath<'_>,
    strip_segments: usize,
) -> Result<(), Refusal> {
    if principal.claims.restricted && service.kind != ServiceKind::Core {
        return Err(Refusal::forbidden(
            "password_change_required",
            "change the password first: POST /api/core/v1/me/password",
        ));
    }
    let is_suspended = desk.trust.is_some_and(|trust| {
        principal.standing(trust, desk.trust_version) == Standing::TenantSuspended
    });
    if is_suspended {
        // An operator acting in the tenant is the one who can activate it again.
        let may_pass = match service.kind {
            ServiceKind::Core => {
                let path = path.plain_after(strip_segments);
                principal.is_operator() || path.starts_with(LEAVING) || path == WHO_AM_I
            }
            ServiceKind::Registry => principal.is_operator(),
            ServiceKind::Gateway | ServiceKind::Business => false,
        };
        if !may_pass {
            return Err(Refusal::forbidden(
                "tenant_suspended",
                "this tenant is suspended; its operator can say why and activate it again",
            ));
        }
    }
    if principal.claims.tid.is_none() && service.kind == ServiceKind::Business {
        return Err(Refusal::forbidden(
            "tenant_required",
            "this token is for no tenant; choose one: POST /api/core/v1/auth/switch-tenant",
        ));
    }
    Ok(())
}
