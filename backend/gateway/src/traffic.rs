//! What each service's requests came to, counted by the threads and cut into windows of ten
//! seconds by the control plane.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use chrono::{DateTime, Utc};
use saas_registry_client::wire::{TRAFFIC_BUCKETS_MS, TrafficWindow};

/// Seconds of a window.
pub const WINDOW_SECONDS: i64 = 10;

const BUCKETS: usize = TRAFFIC_BUCKETS_MS.len() + 1;

/// Under which name requests that reached no service are counted.
pub const NO_SERVICE: &str = "-";

/// Counts that only rise.
#[derive(Debug, Default)]
pub struct ServiceTraffic {
    errors: AtomicU64,
    durations: [AtomicU64; BUCKETS],
}

/// The counts at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Reading {
    errors: u64,
    durations: [u64; BUCKETS],
}

impl ServiceTraffic {
    /// Counts an answered request.
    pub fn record(&self, status: u16, took: Duration) {
        let bucket = TRAFFIC_BUCKETS_MS
            .partition_point(|bound| Duration::from_millis(u64::from(*bound)) < took);
        if let Some(count) = self.durations.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        if status >= 500 {
            self.errors.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn read(&self) -> Reading {
        let mut reading = Reading {
            errors: self.errors.load(Ordering::Relaxed),
            ..Reading::default()
        };
        for (to, from) in reading.durations.iter_mut().zip(&self.durations) {
            *to = from.load(Ordering::Relaxed);
        }
        reading
    }
}

/// Cuts windows: remembers how far each service was counted.
#[derive(Debug, Default)]
pub struct Windows {
    counted: HashMap<String, Reading>,
}

impl Windows {
    /// What was counted since the last call, as the window that began at `at`. Services without a
    /// request are left out; those not named any more are forgotten.
    pub fn cut<'a>(
        &mut self,
        at: DateTime<Utc>,
        services: impl Iterator<Item = (&'a str, &'a ServiceTraffic)>,
    ) -> Vec<TrafficWindow> {
        let mut windows = Vec::new();
        let mut counted = HashMap::with_capacity(self.counted.len());
        for (service, traffic) in services {
            let now = traffic.read();
            let before = self.counted.get(service).copied().unwrap_or_default();
            counted.insert(service.to_owned(), now);
            let durations: Vec<u64> = now
                .durations
                .iter()
                .zip(&before.durations)
                .map(|(now, before)| now.saturating_sub(*before))
                .collect();
            let requests = durations.iter().sum();
            if requests > 0 {
                windows.push(TrafficWindow {
                    at,
                    service: service.to_owned(),
                    requests,
                    errors: now.errors.saturating_sub(before.errors),
                    durations,
                });
            }
        }
        self.counted = counted;
        windows
    }
}

/// When the window that contains `now` began.
pub fn window_start(now: DateTime<Utc>) -> DateTime<Utc> {
    let seconds = now.timestamp().div_euclid(WINDOW_SECONDS) * WINDOW_SECONDS;
    DateTime::from_timestamp(seconds, 0).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_hold_what_came_since_the_last_one() {
        let traffic = ServiceTraffic::default();
        let at = window_start(DateTime::from_timestamp(1_800_000_019, 5).unwrap());
        assert_eq!(at.timestamp(), 1_800_000_010);
        let mut windows = Windows::default();
        traffic.record(200, Duration::from_millis(1));
        traffic.record(503, Duration::from_micros(1001));
        traffic.record(200, Duration::from_mins(1));
        let cut = windows.cut(at, [("orders", &traffic)].into_iter());
        assert_eq!((cut[0].requests, cut[0].errors), (3, 1));
        assert_eq!(cut[0].durations[..2], [1, 1]);
        assert_eq!(cut[0].durations[BUCKETS - 1], 1);
        assert!(
            windows
                .cut(at, [("orders", &traffic)].into_iter())
                .is_empty()
        );
        traffic.record(404, Duration::ZERO);
        let cut = windows.cut(at, [("orders", &traffic)].into_iter());
        assert_eq!((cut[0].requests, cut[0].errors), (1, 0));
    }
}
