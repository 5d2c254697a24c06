//! What tests run on. It knows no other crate of ours: whoever tests a small one would else build
//! them all.
//!
//! * [`servers`] keeps a private PostgreSQL and a private Redis alive for a command, a process or
//!   one test.
//! * [`TestDatabase`] is a migrated database of a test's own.

pub mod servers;

mod database;

pub use database::TestDatabase;
