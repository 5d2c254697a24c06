//! What tests run on. It knows no other crate of ours: whoever tests a small one would else build
//! them all.
//!
//! * [`servers`] keeps a private PostgreSQL and a private Redis alive for a command, a process or
//!   one test.
//! * [`TestDatabase`] is a migrated database of a test's own.
//! * [`TestAuthority`] certifies servers that speak TLS.

pub mod servers;

mod authority;
mod database;

pub use authority::{TestAuthority, TestCertificate};
pub use database::TestDatabase;
