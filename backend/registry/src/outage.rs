//! When the database, or this process, was away: heartbeats then had nowhere to go, and no lease
//! may end because of that.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use saas_domain::Clock;
use saas_telemetry::Metrics;

/// Shared by whoever talks to the database regularly. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Outage {
    clock: Clock,
    metrics: Metrics,
    state: Arc<Mutex<State>>,
}

struct State {
    is_away: bool,
    /// Since when everything works, by a clock that nobody sets.
    resumed_at: DateTime<Utc>,
}

impl Outage {
    /// Begins as if the service had been away until now, for it was.
    pub(crate) fn new(clock: Clock, metrics: Metrics) -> Self {
        let state = State {
            is_away: false,
            resumed_at: clock.steady(),
        };
        Self {
            clock,
            metrics,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// The database did not answer.
    pub(crate) fn database_failed(&self) {
        self.lock().is_away = true;
    }

    /// The database answered.
    pub(crate) fn database_answered(&self) {
        let mut state = self.lock();
        if state.is_away {
            state.is_away = false;
            state.resumed_at = self.clock.steady();
        }
    }

    /// This process stood still, or the clock that measures leases jumped.
    pub(crate) fn interrupted(&self) {
        self.lock().resumed_at = self.clock.steady();
    }

    /// Whether the database did not answer when last asked.
    pub(crate) fn is_away(&self) -> bool {
        self.lock().is_away
    }

    /// For how many seconds everything has worked.
    pub(crate) fn seconds_since_resumed(&self) -> u32 {
        let since = self.clock.steady() - self.lock().resumed_at;
        u32::try_from(since.num_seconds()).unwrap_or(0)
    }

    /// Says in the metrics whether leases of `longest` seconds are spared at the moment.
    pub(crate) fn show(&self, longest: u32) {
        let is_guarding = self.is_away() || self.seconds_since_resumed() < longest;
        let gauge = &self.metrics.registry().eviction_guard;
        gauge.set(i64::from(is_guarding));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Duration;

    #[test]
    fn time_counts_from_the_end_of_the_last_outage() {
        let clock = Clock::manual(DateTime::UNIX_EPOCH);
        let outage = Outage::new(clock.clone(), Metrics::new("registry"));
        clock.advance(Duration::seconds(20));
        outage.database_answered();
        assert_eq!(outage.seconds_since_resumed(), 20);
        outage.database_failed();
        assert!(outage.is_away());
        clock.advance(Duration::seconds(60));
        outage.database_answered();
        assert!(!outage.is_away());
        assert_eq!(outage.seconds_since_resumed(), 0);
        clock.advance(Duration::seconds(5));
        outage.interrupted();
        assert_eq!(outage.seconds_since_resumed(), 0);
    }
}
