//! PostgreSQL, by its own programs.

mod dump;
mod programs;
mod scratch;
mod snapshot;

pub(crate) use dump::{dump, load, summaries};
pub(crate) use programs::Programs;
pub(crate) use scratch::{
    connected, connected_as, create_database, drop_database, exists, rename, run_on, switch, texts,
};
pub(crate) use snapshot::Snapshot;
