//! Whether the caller may use the route.

use super::{Principal, Refusal};
use crate::table::Rule;

/// A route with a required permission asks for it even if it is public otherwise.
pub(super) fn check(rule: &Rule, principal: Option<&Principal>) -> Result<(), Refusal> {
    let Some(required) = &rule.required_permission else {
        return Ok(());
    };
    let Some(principal) = principal else {
        return Err(Refusal::no_token());
    };
    let granted = &principal.claims.permissions;
    if granted.iter().any(|permission| **permission == **required) {
        return Ok(());
    }
    Err(Refusal::forbidden(
        "permission_denied",
        format!("this needs the permission `{required}`, which the token does not grant"),
    ))
}
