//! Backups beyond a single one: by the schedule, and who hears of them.

mod drills;
mod figures;
pub(crate) mod hook;
mod scheduled;

pub(crate) use drills::{drill_cron, drill_scheduler};
pub(crate) use figures::Figures;
pub(crate) use scheduled::{cron, scheduler};
