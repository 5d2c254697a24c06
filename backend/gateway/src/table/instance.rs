//! Instances, and what is counted about them over the life of many tables.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
};

use http::HeaderValue;
use saas_domain::InstanceId;

use crate::traffic::ServiceTraffic;

/// Connect failures in a row after which an instance is passed over for a while.
const FAILURES_TO_EJECT: u32 = 3;
/// For how long: this, doubled with every further failure.
const FIRST_EJECTION_MS: u64 = 1_000;
const LONGEST_EJECTION_MS: u64 = 30_000;

/// One instance that may get requests.
#[derive(Debug)]
pub struct Instance {
    /// Its identifier within the service.
    pub id: InstanceId,
    /// Where it is: resolved and permitted, at least one.
    pub addresses: Vec<SocketAddr>,
    /// The `Host` it is called by.
    pub authority: HeaderValue,
    /// Its share beside its peers, at least 1.
    pub weight: u32,
    /// What outlives this table.
    pub state: Arc<InstanceState>,
}

/// What is known of an instance from dealing with it, shared by all threads.
#[derive(Debug)]
pub struct InstanceState {
    /// Tells instances apart in the threads' pools.
    pub key: u64,
    in_flight: AtomicU32,
    failures: AtomicU32,
    ejected_until_ms: AtomicU64,
}

impl InstanceState {
    pub(crate) const fn new(key: u64) -> Self {
        Self {
            key,
            in_flight: AtomicU32::new(0),
            failures: AtomicU32::new(0),
            ejected_until_ms: AtomicU64::new(0),
        }
    }

    /// Requests under way.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Counts a request as under way until the guard is dropped.
    pub fn enter(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }

    /// A connection was made.
    pub fn note_connected(&self) {
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
            self.ejected_until_ms.store(0, Ordering::Relaxed);
        }
    }

    /// A connection could not be made at `now_ms`.
    pub fn note_connect_failure(&self, now_ms: u64) {
        let failures = self
            .failures
            .fetch_add(1, Ordering::Relaxed)
            .saturating_add(1);
        if let Some(over) = failures.checked_sub(FAILURES_TO_EJECT) {
            let pause = FIRST_EJECTION_MS
                .saturating_mul(1 << over.min(8))
                .min(LONGEST_EJECTION_MS);
            self.ejected_until_ms
                .store(now_ms + pause, Ordering::Relaxed);
        }
    }

    /// Whether it is passed over at `now_ms`.
    pub fn is_ejected(&self, now_ms: u64) -> bool {
        self.ejected_until_ms.load(Ordering::Relaxed) > now_ms
    }
}

/// A request under way.
#[derive(Debug)]
pub struct InFlight(Arc<InstanceState>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is known of a service over the life of many tables.
#[derive(Debug, Default)]
pub struct ServiceRecord {
    /// What its requests came to.
    pub traffic: ServiceTraffic,
    is_up: AtomicBool,
    /// When its last instance went, in milliseconds of the gateway's life, plus one; 0: never.
    last_up_ms: AtomicU64,
}

impl ServiceRecord {
    /// A table was made at `now_ms` in which the service has instances, or has none.
    pub(super) fn note(&self, is_up: bool, now_ms: u64) {
        if self.is_up.swap(is_up, Ordering::Relaxed) && !is_up {
            self.last_up_ms.store(now_ms + 1, Ordering::Relaxed);
        }
    }

    /// Whether an instance is up, or was within the last `within_ms`.
    pub fn was_up(&self, now_ms: u64, within_ms: u64) -> bool {
        let last = self.last_up_ms.load(Ordering::Relaxed);
        self.is_up.load(Ordering::Relaxed)
            || (last > 0 && now_ms.saturating_sub(last - 1) <= within_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_failures_in_a_row_eject_for_a_second_and_longer_each_time() {
        let state = InstanceState::new(1);
        state.note_connect_failure(0);
        state.note_connect_failure(0);
        assert!(!state.is_ejected(0));
        state.note_connect_failure(0);
        assert!(state.is_ejected(999) && !state.is_ejected(1000));
        state.note_connect_failure(1000);
        assert!(state.is_ejected(2999) && !state.is_ejected(3000));
        for _ in 0..100 {
            state.note_connect_failure(3000);
        }
        assert!(!state.is_ejected(3000 + LONGEST_EJECTION_MS));
        state.note_connected();
        assert!(!state.is_ejected(3000));
    }

    #[test]
    fn requests_under_way_are_counted_until_they_end() {
        let state = Arc::new(InstanceState::new(1));
        let guard = state.enter();
        let _other = state.enter();
        assert_eq!(state.in_flight(), 2);
        drop(guard);
        assert_eq!(state.in_flight(), 1);
    }

    #[test]
    fn a_service_was_up_a_moment_ago_or_not() {
        let record = ServiceRecord::default();
        assert!(!record.was_up(0, 30_000));
        record.note(true, 0);
        assert!(record.was_up(90_000, 30_000));
        record.note(false, 0);
        assert!(record.was_up(30_000, 30_000) && !record.was_up(30_001, 30_000));
    }
}
