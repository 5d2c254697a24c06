//! What an access token says.

use serde::{Deserialize, Serialize};

use crate::{Permission, SessionId, TenantId, UserId};

/// The audience of every access token, whatever service it will be used at.
pub const ACCESS_AUDIENCE: &str = "saas";

/// The claims of an access token (RFC 9068, `typ` = `at+jwt`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// Who issued it: the platform's `PUBLIC_URL`.
    pub iss: String,
    /// Whom it is for: [`ACCESS_AUDIENCE`].
    pub aud: String,
    /// The person.
    pub sub: UserId,
    /// The session, which a logout ends.
    pub sid: SessionId,
    /// The tenant the person acts in; absent for somebody in none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tid: Option<TenantId>,
    /// Role names: the tenant's role, and `operator` for a platform operator.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Permissions in text form. Unknown ones are kept: a newer core may have issued them.
    #[serde(default)]
    pub permissions: Vec<String>,
    /// The tenant's plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Issued at, seconds since the Unix epoch.
    pub iat: i64,
    /// Issued at, milliseconds: a change of rights makes older tokens stale, and a second is too
    /// coarse to tell the token from before it from the one after it.
    pub iat_ms: i64,
    /// Expires at, seconds since the Unix epoch.
    pub exp: i64,
    /// The token's own identifier.
    pub jti: String,
    /// True while the password must be changed: the token then opens nothing but that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restricted: bool,
}

impl AccessClaims {
    /// Whether the token grants the permission.
    pub fn permits(&self, permission: Permission) -> bool {
        self.permissions.iter().any(|p| p == permission.as_str())
    }
}
