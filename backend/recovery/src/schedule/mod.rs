//! Work that is done at the moments of a schedule, by one of several processes.

mod cron;
mod scheduler;

pub use cron::{Cron, CronTextError};
pub use scheduler::{Attempt, Ended, Fault, Scheduler, Tick, Timing, Work};
