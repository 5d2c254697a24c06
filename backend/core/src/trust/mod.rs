//! What gateways, and core itself, must know to believe or refuse a token: the keys, the ended
//! sessions, the people whose rights changed, the suspended tenants.
//!
//! Whoever changes one of these records the subject in the change log with the change. A follower in
//! every core reads the subjects anew, applies them to its own [`Trust`], and sends them on.

mod follower;
mod keys;
mod load;
pub(crate) mod routes;
mod state;
mod subject;

pub(crate) use follower::Follower;
pub use keys::{check_signing_keys, opens_a_signing_key, remove_unopened_signing_keys};
pub(crate) use keys::{ensure_signing_key, seal_anew, signing_key};
pub(crate) use load::{event_name, snapshot};
pub(crate) use state::Trust;
pub(crate) use subject::Subject;
