//! Starts the real platform on free ports for tests.
//!
//! * [`servers`] keeps a private PostgreSQL and a private Redis alive for a command, a process or
//!   one test.
//! * [`TestDatabase`] is a migrated database of a test's own.

pub mod servers;

mod database;

pub use database::TestDatabase;
