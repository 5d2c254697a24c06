//! Backup, restore, and the proof that the one leads to the other.
//!
//! A [`Source`] is a database, a [`Directory`] a place for backups. [`create()`] saves the one into
//! the other; [`Backup`] is such a file, which is verified before anybody relies on it; [`plan`] and
//! [`restore()`] make it the database again.

pub mod age;
mod create;
mod error;
mod facts;
pub mod format;
mod pipe;
mod place;
mod postgres;
mod restore;
mod retention;
mod schedule;
mod sink;
mod source;
mod sqlite;
mod stop;
mod verify;

pub use create::{Created, Making, create};
pub use error::RecoveryError;
pub use place::{Directory, PlaceError};
pub use postgres::Archive;
pub use restore::{Allowed, Plan, Restored, Scratch, plan, restore};
pub use retention::surplus;
pub use schedule::{Attempt, Cron, CronTextError, Ended, Fault, Scheduler, Tick, Timing, Work};
pub use source::Source;
pub use stop::Stop;
pub use verify::Backup;
