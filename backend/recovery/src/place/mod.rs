//! Where backups lie.

mod directory;

pub use directory::{Directory, PlaceError, Unfinished};
