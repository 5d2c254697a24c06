//! PostgreSQL, by its own programs.

mod archive;
mod dump;
mod held;
mod likeness;
mod load;
mod programs;
mod scratch;
mod snapshot;

pub use archive::Archive;
pub(crate) use archive::archive;
pub(crate) use dump::{dump, summaries};
pub(crate) use held::{Held, drop_abandoned};
pub(crate) use likeness::liken;
pub(crate) use load::load;
pub(crate) use programs::Programs;
pub(crate) use scratch::{
    connected, connected_as, create_database, drop_database, exists, rename, run_on, switch, texts,
};
pub(crate) use snapshot::Snapshot;
