//! Backup, restore, and the proof that the one leads to the other.
//!
//! A [`Source`] is a database, a [`Directory`] a place for backups. [`create()`] saves the one into
//! the other, a [`Bucket`] may have copies of it; [`Backup`] is such a file, which is verified before anybody relies on it; [`plan`] and
//! [`restore()`] make it the database again.

pub mod age;
mod bucket;
mod copy;
mod create;
mod error;
mod facts;
mod file;
pub mod format;
mod pipe;
mod place;
mod postgres;
mod rehearse;
mod restore;
mod retention;
mod rows;
mod schedule;
mod sink;
mod source;
mod sqlite;
mod stop;
mod tenant;
mod verify;

pub use bucket::{Bucket, BucketError, BucketSettings, Credentials, Fetched};
pub use copy::{Copied, copy, plan_copy};
pub use create::{Created, Making, create};
pub use error::{RecoveryError, with_connections};
pub use place::{Directory, PlaceError};
pub use postgres::Archive;
pub use rehearse::{Rehearsal, rehearse};
pub use restore::{Allowed, Plan, Restored, Scratch, plan, restore, restored};
pub use retention::{Keeping, Reason, Verdict, is_of_now, judge};
pub use schedule::{Attempt, Cron, CronTextError, Ended, Fault, Scheduler, Tick, Timing, Work};
pub use source::Source;
pub use stop::Stop;
pub use tenant::{TableChange, TenantPlan, TenantRestore, TenantRestored, Wanted};
pub use verify::Backup;
