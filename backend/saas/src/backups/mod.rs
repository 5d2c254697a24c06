//! Backups beyond a single one: by the schedule, and who hears of them.

mod figures;
pub(crate) mod hook;
mod scheduled;

pub(crate) use figures::Figures;
pub(crate) use scheduled::{cron, scheduler};
