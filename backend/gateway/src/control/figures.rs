//! Figures that nobody counts, and limits that nobody uses.

use std::{sync::Arc, time::Duration};

use tokio::time::interval;

use super::{Control, busiest};

/// Seconds between two passes over the limiter.
const SWEEP: u32 = 10;

pub(super) async fn keep(control: Arc<Control>) {
    let mut seconds = interval(Duration::from_secs(1));
    let mut passed = 0_u32;
    loop {
        tokio::select! {
            () = control.end.cancelled() => return,
            _ = seconds.tick() => passed = passed.wrapping_add(1),
        }
        let shared = &control.shared;
        let metrics = shared.metrics.gateway();
        let trust = shared.trust.seen();
        metrics
            .trust_version
            .set(trust.map_or(0, |seen| seen.number));
        metrics.trust_age.set(age(shared.trust.silent_millis()));
        metrics
            .routing_age
            .set(age(control.routing.silent_millis()));
        if passed.is_multiple_of(SWEEP) {
            busiest::show(&shared.limiter, metrics, SWEEP);
            shared
                .limiter
                .sweep(shared.limiter.now(std::time::Instant::now()));
        }
    }
}

/// A stream that never beat is infinitely old.
fn age(silent_millis: Option<u64>) -> f64 {
    silent_millis.map_or(f64::INFINITY, |ms| Duration::from_millis(ms).as_secs_f64())
}
