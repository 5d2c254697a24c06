//! What core keeps: people, tenants, memberships, invitations, sessions, keys, audit entries, counts.
//!
//! Functions that take a [`TenantTx`](crate::TenantTx) see one tenant; those that take a
//! [`SystemTx`](crate::SystemTx) see all of them, and say whose rows they mean.

pub mod attempts;
pub mod audit;
pub mod idempotency;
pub mod invitations;
pub mod lock;
pub mod memberships;
mod place;
pub mod refresh_tokens;
pub mod sessions;
pub mod signing_keys;
pub mod stale_tokens;
pub mod tenants;
pub mod traffic;
pub mod users;

pub use place::Place;
