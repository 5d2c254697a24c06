//! Calls between our own processes, under `/internal/v1`.

use axum::extract::FromRequestParts;
use http::request::Parts;
use saas_security::InternalRole;
use saas_web::{Problem, bearer_token};

use crate::state::Core;

/// One of our own processes. People's tokens never open what asks for this, and its tokens open
/// nothing else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Internal {
    role: InternalRole,
}

impl Internal {
    /// A 403 unless the process plays one of the roles.
    pub fn only(self, roles: &[InternalRole]) -> Result<(), Problem> {
        if roles.contains(&self.role) {
            return Ok(());
        }
        Err(Problem::forbidden(
            "internal_role",
            "another of the platform's processes may call this, not this one",
        ))
    }
}

impl FromRequestParts<Core> for Internal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, core: &Core) -> Result<Self, Problem> {
        let refused = || {
            Problem::unauthorized(
                "internal_token_required",
                "only the platform's own processes call this; they must share SECRET_KEY",
            )
        };
        let token = bearer_token(&parts.headers).ok_or_else(refused)?;
        match core.internal.verify(token, core.clock.now()) {
            Ok(role) => Ok(Self { role }),
            Err(error) => Err(refused().source(error)),
        }
    }
}
