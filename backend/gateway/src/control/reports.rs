//! Tells the registry, once a second, which table is in use and what is under way, so that a drain
//! knows when it is over; and who asks for how much, so that the gateways share each limit.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use http::Method;
use saas_registry_client::wire::{GatewayReport, GatewayShares};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::Control;
use crate::limiter::shares::Sharing;

const EVERY: Duration = Duration::from_secs(1);
/// A new table is reported sooner: somebody may be waiting for it to be in use. Changes that come in
/// a burst share a report.
const AFTER_CHANGE: Duration = Duration::from_millis(100);

pub(super) async fn send(control: Arc<Control>) {
    let path = format!("/internal/v1/gateways/{}/report", control.own.incarnation);
    let mut versions = control.shared.table_versions.subscribe();
    let mut seconds = interval(EVERY);
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_reported = true;
    let sharing = Sharing::default();
    loop {
        tokio::select! {
            () = control.end.cancelled() => break,
            _ = seconds.tick() => {}
            Ok(()) = versions.changed() => {
                sleep(AFTER_CHANGE).await;
                versions.mark_unchanged();
            }
        }
        // In this order: a request that entered after the table was replaced is counted next time,
        // and the one before it is in these counts.
        let report = GatewayReport {
            seen: **control.applied.load(),
            in_flight: control.book().in_flight(),
            demand: sharing.demand(&control.shared.limiter, Instant::now()),
            address: Some(control.own.address.clone()),
        };
        let bases = &control.calls.registry_urls;
        let told = control
            .calls
            .ask::<_, Option<GatewayShares>>(bases, Method::POST, &path, Some(&report))
            .await;
        match told {
            Ok(shares) => {
                is_reported = true;
                if let Some(shares) = shares.flatten() {
                    control
                        .shared
                        .gateways
                        .store(shares.gateways, Ordering::Relaxed);
                    sharing.apply(&control.shared.limiter, &shares, Instant::now());
                }
            }
            // Told once, not every second.
            Err(error) if is_reported => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "the registry does not take this gateway's reports");
                is_reported = false;
            }
            Err(_) => {}
        }
    }
    let path = format!("/internal/v1/gateways/{}", control.own.incarnation);
    let bases = &control.calls.registry_urls;
    let left = control
        .calls
        .tell::<()>(bases, Method::DELETE, &path, None)
        .await;
    if let Err(error) = left {
        tracing::debug!(%error, "the registry was not told that this gateway leaves");
    }
}
