//! Tells core, every ten seconds, what the requests came to.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use http::Method;
use saas_registry_client::wire::{TrafficReport, TrafficWindow};
use saas_telemetry::Service;
use tokio::time::sleep;

use super::Control;
use crate::traffic::{NO_SERVICE, WINDOW_SECONDS, Windows, window_start};

/// Reports kept while core is away: an hour's. Then the oldest are dropped, and counted.
const MOST_KEPT: usize = 360;
const PATH: &str = "/internal/v1/traffic";

/// Reports that core has not acknowledged. Each keeps its number, so that one whose acknowledgement
/// was lost is not counted twice.
#[derive(Default)]
struct Outbox {
    reports: VecDeque<TrafficReport>,
    last_number: i64,
}

pub(super) async fn send(control: Arc<Control>) {
    let mut windows = Windows::default();
    let mut outbox = Outbox::default();
    loop {
        let began = window_start(control.shared.clock.now());
        let is_end = tokio::select! {
            () = control.end.cancelled() => true,
            () = sleep(until_next(control.shared.clock.now())) => false,
        };
        let cut = cut(&control, &mut windows, began);
        show(&control, &cut);
        outbox.put(&control, cut);
        outbox.send(&control).await;
        if is_end {
            return;
        }
    }
}

/// The time left in the present window.
fn until_next(now: DateTime<Utc>) -> Duration {
    let next = window_start(now) + chrono::Duration::seconds(WINDOW_SECONDS);
    (next - now).to_std().unwrap_or(Duration::from_secs(1))
}

fn cut(control: &Control, windows: &mut Windows, at: DateTime<Utc>) -> Vec<TrafficWindow> {
    let mut book = control.book();
    let services = book
        .records()
        .map(|(name, record)| (name.as_str(), &record.traffic))
        .chain([(NO_SERVICE, &control.shared.no_service)]);
    let cut = windows.cut(at, services);
    book.forget_services(&control.routing.current());
    cut
}

/// Adds them to the metrics as well: counted here, off the way of the requests.
fn show(control: &Control, windows: &[TrafficWindow]) {
    let family = &control.shared.metrics.gateway().service_requests;
    for window in windows.iter().filter(|w| w.service != NO_SERVICE) {
        let service = window.service.clone();
        family
            .get_or_create_owned(&Service { service })
            .inc_by(window.requests);
    }
}

impl Outbox {
    fn put(&mut self, control: &Control, windows: Vec<TrafficWindow>) {
        if windows.is_empty() {
            return;
        }
        self.last_number += 1;
        self.reports.push_back(TrafficReport {
            incarnation: control.own.incarnation,
            number: self.last_number,
            windows,
        });
        if self.reports.len() > MOST_KEPT {
            self.reports.pop_front();
            control.shared.metrics.gateway().traffic_dropped.inc();
        }
    }

    /// Sends what is there, oldest first, until core does not take it.
    async fn send(&mut self, control: &Control) {
        while let Some(report) = self.reports.front() {
            let cores = control.routing.current().base_urls("core");
            let told = control
                .calls
                .tell(&cores, Method::POST, PATH, Some(report))
                .await;
            match told {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    let is_refused = error
                        .status()
                        .is_some_and(|status| status.is_client_error());
                    let cause: &dyn std::error::Error = &error;
                    if !is_refused {
                        tracing::debug!(cause, "core does not take traffic figures; trying again");
                        return;
                    }
                    // Core would refuse it for ever.
                    tracing::warn!(cause, "core refused traffic figures; they are dropped");
                    control.shared.metrics.gateway().traffic_dropped.inc();
                }
            }
            self.reports.pop_front();
        }
    }
}
