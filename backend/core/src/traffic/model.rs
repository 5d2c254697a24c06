//! Figures of requests over time.

use chrono::{DateTime, Utc};
use saas_registry_client::wire::TRAFFIC_BUCKETS_MS;
use serde::Serialize;
use utoipa::ToSchema;

/// How requests went, step by step.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Traffic {
    /// How long a step is.
    pub step_seconds: i64,
    /// The figures, oldest first. A step in which a service had no request is left out.
    pub points: Vec<TrafficPoint>,
}

/// What happened to one service in one step.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct TrafficPoint {
    /// When the step began.
    pub at: DateTime<Utc>,
    /// The service; `-` for requests that reached none.
    pub service: String,
    /// Requests answered.
    pub requests: i64,
    /// Of these, answered with a status of 500 or more.
    pub errors: i64,
    /// Half of the requests took this long at most, in milliseconds, as far as the buckets tell.
    #[schema(required = true)]
    pub p50_ms: Option<f64>,
    /// 95 of 100 requests took this long at most.
    #[schema(required = true)]
    pub p95_ms: Option<f64>,
}

/// The duration that the given share of requests did not exceed, estimated within its bucket as if
/// durations were spread evenly there. Beyond the last bound, that bound is all that is known.
pub(crate) fn quantile(durations: &[i64], share: f64) -> Option<f64> {
    let total = durations
        .iter()
        .fold(0_i64, |sum, count| sum.saturating_add(*count));
    if total <= 0 {
        return None;
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of ten seconds are far below 2⁵²"
    )]
    let (wanted, count) = (share * total as f64, |count: i64| count as f64);
    let mut below = 0.0;
    let mut lower = 0.0;
    for (index, &in_bucket) in durations.iter().enumerate() {
        let Some(&bound) = TRAFFIC_BUCKETS_MS.get(index) else {
            return Some(lower);
        };
        let upper = f64::from(bound);
        let here = count(in_bucket);
        if here > 0.0 && below + here >= wanted {
            return Some(lower + (upper - lower) * ((wanted - below) / here));
        }
        below += here;
        lower = upper;
    }
    Some(lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_estimated_within_their_bucket() {
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[0; 15], 0.5), None);
        // More than can be counted is as much as can be counted.
        assert_eq!(quantile(&[i64::MAX; 2], 0.5), Some(0.5));
        // Ten requests between 2 and 4 ms.
        assert_eq!(quantile(&[0, 0, 10], 0.5), Some(3.0));
        // One of a hundred took longer than the last bound.
        let mut durations = [0; 15];
        durations[0] = 99;
        durations[14] = 1;
        assert_eq!(quantile(&durations, 0.5), Some(50.0 / 99.0));
        assert_eq!(quantile(&durations, 1.0), Some(10_000.0));
    }
}
