//! A histogram of durations that costs two atomic additions per observation.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeMetric, MetricEncoder, NoLabelSet},
    metrics::MetricType,
};

/// The upper bounds of the buckets, in seconds: from a cached answer to one that hits the time
/// limit. A last bucket without bound follows.
pub const SECONDS_BUCKETS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// The same bounds in microseconds, to search without floating point.
const MICROSECOND_BOUNDS: [u64; SECONDS_BUCKETS.len()] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000, 30_000_000,
];

/// How long something took, as a histogram over [`SECONDS_BUCKETS`]. Cloning shares it.
///
/// The library's own histogram takes a lock for each observation; this one does not, because the
/// gateway's threads observe it once per request.
#[derive(Clone, Debug, Default)]
pub struct Latency(Arc<Buckets>);

#[derive(Debug, Default)]
struct Buckets {
    counts: [AtomicU64; SECONDS_BUCKETS.len() + 1],
    nanoseconds: AtomicU64,
}

impl Latency {
    /// Adds one observation.
    pub fn observe(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = MICROSECOND_BOUNDS.partition_point(|bound| *bound < micros);
        if let Some(count) = self.0.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.0.nanoseconds.fetch_add(nanos, Ordering::Relaxed);
    }

    /// How many observations there were.
    pub fn count(&self) -> u64 {
        let counts = self.0.counts.iter();
        counts.map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// The buckets as (upper bound in seconds, observations in this bucket alone).
    pub fn buckets(&self) -> Vec<(f64, u64)> {
        SECONDS_BUCKETS
            .into_iter()
            .chain([f64::INFINITY])
            .zip(&self.0.counts)
            .map(|(bound, count)| (bound, count.load(Ordering::Relaxed)))
            .collect()
    }
}

impl EncodeMetric for Latency {
    fn encode(&self, mut encoder: MetricEncoder) -> Result<(), std::fmt::Error> {
        let buckets = self.buckets();
        // Counted from the same reading, so that `_count` always equals the last bucket.
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = Duration::from_nanos(self.0.nanoseconds.load(Ordering::Relaxed)).as_secs_f64();
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

impl prometheus_client::metrics::TypedMetric for Latency {
    const TYPE: MetricType = MetricType::Histogram;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_observation_on_a_bound_belongs_to_that_bucket() {
        let latency = Latency::default();
        latency.observe(Duration::from_millis(1));
        latency.observe(Duration::from_micros(1_001));
        latency.observe(Duration::from_secs(31));
        let counts: Vec<u64> = latency.buckets().iter().map(|(_, count)| *count).collect();
        assert_eq!(counts[..2], [1, 1]);
        assert_eq!(counts[SECONDS_BUCKETS.len()], 1);
        assert_eq!(latency.count(), 3);
    }

    #[test]
    fn both_tables_of_bounds_say_the_same() {
        for (seconds, micros) in SECONDS_BUCKETS.into_iter().zip(MICROSECOND_BOUNDS) {
            assert_eq!(
                Duration::from_secs_f64(seconds),
                Duration::from_micros(micros)
            );
        }
    }
}
