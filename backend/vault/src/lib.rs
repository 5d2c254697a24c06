//! Secrets from HashiCorp Vault (and what speaks its language, such as OpenBao): three logins, the KV
//! secrets engine version 2, and a token that is kept alive while the process runs.
//!
//! A [`Session`] is one login. [`Session::begin`] logs in and reads, waiting a little for a Vault that
//! starts at the same time. In a process that goes on, a [`Keeper`] renews the token, logs in again
//! where that ends, and reads once more on demand; whatever happens to Vault then, the process keeps
//! the secrets it has.

mod answer;
mod api;
mod error;
mod keeper;
mod lease;
mod session;

pub use error::VaultError;
pub use keeper::{Again, Keeper};
pub use session::{Secrets, Session};
