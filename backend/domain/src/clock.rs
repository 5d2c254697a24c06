//! The injected clock.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI64, Ordering},
    },
    time::Instant,
};

use chrono::{DateTime, Duration, Utc};

/// Tells the time in UTC. Cloning shares the clock: a manual one advances for every holder.
///
/// Direct calls to `Utc::now` are banned by `clippy.toml`, so that tests decide what time it is.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    /// Microseconds since the Unix epoch.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's own clock.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still at `start` until [`Clock::advance`] is called.
    pub fn manual(start: DateTime<Utc>) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(
            start.timestamp_micros(),
        ))))
    }

    /// The current time, to the microsecond: the precision both databases keep, so that a value
    /// that went through storage equals the one that went in.
    pub fn now(&self) -> DateTime<Utc> {
        let micros = match &self.0 {
            #[expect(
                clippy::disallowed_methods,
                reason = "the one place that reads the machine's clock"
            )]
            Source::System => Utc::now().timestamp_micros(),
            Source::Manual(micros) => micros.load(Ordering::Acquire),
        };
        DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// The time as it was when the process first asked, and what has passed since by a clock that
    /// nobody sets. For leases that a single process measures: when the machine's clock is set
    /// forward, they must not all end at once. A manual clock gives its own time.
    pub fn steady(&self) -> DateTime<Utc> {
        static FIRST: OnceLock<(Instant, DateTime<Utc>)> = OnceLock::new();
        match &self.0 {
            Source::System => {
                let (asked, then) = FIRST.get_or_init(|| (Instant::now(), self.now()));
                let micros = i64::try_from(asked.elapsed().as_micros()).unwrap_or(i64::MAX);
                *then + Duration::microseconds(micros)
            }
            Source::Manual(_) => self.now(),
        }
    }

    /// Moves a manual clock, backwards for a negative duration. The system clock is left alone.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(micros) = &self.0 {
            micros.fetch_add(by.num_microseconds().unwrap_or(0), Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_for_every_holder_and_only_when_told() {
        let clock = Clock::manual(DateTime::UNIX_EPOCH);
        let other = clock.clone();
        assert_eq!(clock.now(), DateTime::UNIX_EPOCH);
        clock.advance(Duration::seconds(90));
        assert_eq!(other.now().timestamp(), 90);
    }
}
