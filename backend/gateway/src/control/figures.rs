//! Figures that nobody counts, and limits that nobody uses.

use std::{sync::Arc, time::Duration};

use tokio::time::interval;

use super::Control;

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
        let silent = shared.trust.silent_millis();
        let silent = silent.map_or(f64::INFINITY, |ms| Duration::from_millis(ms).as_secs_f64());
        metrics.trust_age.set(silent);
        if passed.is_multiple_of(SWEEP) {
            shared
                .limiter
                .sweep(shared.limiter.now(std::time::Instant::now()));
        }
    }
}
