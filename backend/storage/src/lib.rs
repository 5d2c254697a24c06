//! Entities and repositories; with `migration`, the only crate that knows the database library.
//!
//! A [`Database`] opens two kinds of transaction and nothing else: [`Database::tenant`] for one
//! tenant's rows and [`Database::system`] for the platform's. On PostgreSQL their first statement
//! switches to a role that owns nothing, and row-level security narrows the tenant's to its own
//! rows; on SQLite the tenant filter in every query stands alone.

mod changes;
pub mod core;
mod database;
mod error;
mod figures;
mod installation;
mod isolation;
mod leader;
pub mod recovery;
pub mod registry;
pub mod rows;
mod spans;
mod time;
mod transaction;

pub use changes::{Change, ChangeLog, ChangePosition, ChangeStream, ChangeWatch, Changes};
pub use database::{Database, DatabaseKind, DatabaseSettings, Observer};
pub use error::{Cause, StorageError};
pub use figures::{DatabaseFigures, ReplicaFigures};
pub use installation::Installation;
pub use transaction::{SystemTx, TenantTx};
