//! Taking figures in and giving them out.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use saas_registry_client::wire::{TRAFFIC_BUCKETS_MS, TrafficReport, TrafficWindow};
use saas_storage::core::traffic::{self, TrafficRow};
use saas_web::{Problem, http::StatusCode};

use super::model::{Traffic, TrafficPoint, quantile};
use crate::{refusal::Refusal, state::Core};

/// How long figures are kept.
pub(crate) const KEPT: Duration = Duration::hours(24);
/// What a gateway counts at a time.
const WINDOW_SECONDS: i64 = 10;
/// How many steps a chart has at most.
const STEPS: i64 = 360;
/// How many windows a report has at most: an hour of a hundred services.
const WINDOWS: usize = 36_000;

/// How far a gateway's clock may be ahead of ours.
const AHEAD: Duration = Duration::minutes(1);
/// The largest count of a window: far beyond what ten seconds can hold.
const MOST: i64 = 1 << 32;

/// Keeps a gateway's figures. The same report again changes nothing. Windows of a time that is not
/// kept, or that has not come, are left out.
pub(crate) async fn ingest(core: &Core, report: TrafficReport) -> Result<(), Refusal> {
    if report.windows.len() > WINDOWS {
        return Err(invalid("a report has too many windows"));
    }
    let now = core.clock.now();
    let kept = now - KEPT..=now + AHEAD;
    let mut rows = Vec::with_capacity(report.windows.len());
    for window in report.windows {
        if !kept.contains(&window.at) {
            continue;
        }
        rows.push(row(report.incarnation, report.number, window)?);
    }
    let tx = core.db.system("traffic.ingest").await?;
    for rows in rows.chunks(500) {
        traffic::add(&tx, rows).await?;
    }
    Ok(tx.commit().await?)
}

fn row(incarnation: uuid::Uuid, number: i64, window: TrafficWindow) -> Result<TrafficRow, Refusal> {
    if window.durations.len() > TRAFFIC_BUCKETS_MS.len() + 1 {
        return Err(invalid("a window has more duration buckets than are known"));
    }
    if window.service.len() > 128 || window.service.chars().any(char::is_control) {
        return Err(invalid("a window's service is no service name"));
    }
    let count = |count: u64| match i64::try_from(count) {
        Ok(count) if count <= MOST => Ok(count),
        _ => Err(invalid("a count is larger than a window can be")),
    };
    Ok(TrafficRow {
        at: window.at,
        service: window.service,
        incarnation,
        number,
        requests: count(window.requests)?,
        errors: count(window.errors)?,
        durations: window
            .durations
            .into_iter()
            .map(count)
            .collect::<Result<_, _>>()?,
    })
}

fn invalid(detail: &'static str) -> Refusal {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_body")
        .detail(detail)
        .into()
}

/// The figures of the last minutes, in steps that a chart can show.
pub(crate) async fn recent(core: &Core, minutes: i64) -> Result<Traffic, Refusal> {
    let span = minutes * 60;
    let shortest = STEPS * WINDOW_SECONDS;
    let step = (span + shortest - 1) / shortest * WINDOW_SECONDS;
    let from = core.clock.now() - Duration::seconds(span);
    let tx = core.db.system_read("traffic.recent").await?;
    let rows = traffic::since(&tx, from).await?;
    let mut steps: BTreeMap<(DateTime<Utc>, String), Sum> = BTreeMap::new();
    for row in rows {
        let begun = row.at.timestamp().div_euclid(step) * step;
        let at = DateTime::from_timestamp(begun, 0).unwrap_or(row.at);
        steps
            .entry((at, row.service))
            .or_default()
            .add(row.requests, row.errors, &row.durations);
    }
    let points = steps.into_iter().map(|((at, service), sum)| TrafficPoint {
        at,
        service,
        requests: sum.requests,
        errors: sum.errors,
        p50_ms: quantile(&sum.durations, 0.5),
        p95_ms: quantile(&sum.durations, 0.95),
    });
    Ok(Traffic {
        step_seconds: step,
        points: points.collect(),
    })
}

#[derive(Default)]
struct Sum {
    requests: i64,
    errors: i64,
    durations: Vec<i64>,
}

impl Sum {
    fn add(&mut self, requests: i64, errors: i64, durations: &[i64]) {
        self.requests = self.requests.saturating_add(requests);
        self.errors = self.errors.saturating_add(errors);
        if self.durations.len() < durations.len() {
            self.durations.resize(durations.len(), 0);
        }
        for (sum, count) in self.durations.iter_mut().zip(durations) {
            *sum = sum.saturating_add(*count);
        }
    }
}
