//! People, tenants, access, tokens and audit.
//!
//! Each area is a module with the same rooms: `model` (its words), `service` (its use cases, one
//! transaction each), `routes` (thin handlers and their description). [`start`] wires them.
//!
//! | area | is about |
//! |---|---|
//! | `identity` | signing in and up, sessions, tokens, the own account |
//! | `tenancy` | tenants and who belongs to them |
//! | `access` | who calls and what they may do |
//! | `people` | the operator's view of people |
//! | `audit` | who did what |
//! | `trust` | what gateways must know to believe or refuse a token |
//! | `traffic` | the figures of the console's charts |
//! | `recovery` | what became of backups and drills |

mod access;
mod audit;
mod first_run;
mod gauges;
mod housekeeping;
mod idempotency;
mod identity;
mod input;
mod people;
mod recovery;
mod refusal;
mod router;
mod start;
mod state;
mod tenancy;
mod traffic;
mod trust;

pub use first_run::FirstRun;
pub use people::reset::{ResetError, reset_password};
pub use router::openapi;
pub use start::{CoreDeps, CoreService, StartError, start};
pub use tenancy::restored::{RestoredTenant, commit_restored_tenant};
pub use trust::{check_signing_keys, opens_a_signing_key, remove_unopened_signing_keys};

/// What core declares when it is registered: the paths that need no token.
pub fn gateway_hints() -> saas_registry_client::wire::GatewayHints {
    let paths = [
        "/v1/auth/login",
        "/v1/auth/refresh",
        "/v1/auth/logout",
        "/v1/auth/signup",
        "/.well-known/*",
        "/openapi.json",
        "/docs",
        "/docs/*",
    ];
    saas_registry_client::wire::GatewayHints {
        public_paths: paths.map(str::to_owned).to_vec(),
    }
}
