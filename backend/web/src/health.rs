//! `/health`, `/health/live`, `/health/ready` and `/metrics`.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, join_all},
};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ACCEPT, CONTENT_TYPE},
};
use saas_telemetry::{Exposition, Metrics};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::{ApiJson, Problem, RawAnswer, extract::bearer_token};

/// How long a check may take before it counts as failed.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a start may take before it is worth a warning.
const STARTING: Duration = Duration::from_secs(5);

type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;
type Note = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// Who may see details and metrics.
#[derive(Clone)]
pub enum Access {
    /// Everybody: development.
    Open,
    /// Whoever sends this bearer token (`METRICS_TOKEN`).
    Token(Arc<str>),
    /// Nobody: production without a token.
    Closed,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "Open",
            Self::Token(_) => "Token",
            Self::Closed => "Closed",
        })
    }
}

impl Access {
    /// The rule for a setting: the token if there is one, else everybody in development and nobody
    /// in production.
    pub fn new(token: Option<&str>, production: bool) -> Self {
        match token {
            Some(token) => Self::Token(token.into()),
            None if production => Self::Closed,
            None => Self::Open,
        }
    }

    /// Whether a request with these headers may see them. Takes the same time for every wrong token.
    pub fn allows(&self, headers: &HeaderMap) -> bool {
        match self {
            Self::Open => true,
            Self::Closed => false,
            Self::Token(token) => bearer_token(headers).is_some_and(|given| {
                saas_security::constant_time_eq(given.as_bytes(), token.as_bytes())
            }),
        }
    }
}

/// The checks that decide whether a service is ready. Cloning shares nothing further: add the checks
/// first, then hand it to [`Health::router`].
#[derive(Clone)]
pub struct Health {
    metrics: Metrics,
    access: Access,
    stopping: CancellationToken,
    started: Instant,
    /// Whether every check has passed once.
    was_ready: Arc<AtomicBool>,
    checks: Vec<(&'static str, Check)>,
    notes: Vec<(&'static str, Note)>,
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.checks.iter().map(|(name, _)| *name).collect();
        f.debug_struct("Health")
            .field("checks", &names)
            .finish_non_exhaustive()
    }
}

/// The answer of a health endpoint. Strangers see the status alone.
#[derive(Clone, Debug, Serialize)]
pub struct HealthReport {
    /// `ok`, or `unavailable` with the HTTP status 503.
    pub status: &'static str,
    /// Everything else, for those who may see it.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub detail: Option<HealthDetail>,
}

/// What those with `METRICS_TOKEN` see.
#[derive(Clone, Debug, Serialize)]
pub struct HealthDetail {
    /// The service's name.
    pub service: String,
    /// The platform's version.
    pub version: &'static str,
    /// Seconds since the service started.
    pub uptime_seconds: u64,
    /// Each check, with what it saw; empty where checks do not count.
    pub checks: Vec<CheckReport>,
}

/// What one check saw.
#[derive(Clone, Debug, Serialize)]
pub struct CheckReport {
    /// The check's name.
    pub name: &'static str,
    /// `ok`, `failed`, or `warning` for what needs a look and decides nothing.
    pub status: &'static str,
    /// What is wrong, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// How long it took.
    pub milliseconds: u64,
}

impl Health {
    /// Health of the service whose metrics these are. Once `stopping` is cancelled the service is no
    /// longer ready, so that nobody sends it new work.
    pub fn new(metrics: Metrics, access: Access, stopping: CancellationToken) -> Self {
        Self {
            metrics,
            access,
            stopping,
            started: Instant::now(),
            was_ready: Arc::default(),
            checks: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Adds something that whoever looks at readiness should know and that does not decide it:
    /// `None` while all is well, else one sentence for operators.
    #[must_use]
    pub fn note(
        mut self,
        name: &'static str,
        note: impl Fn() -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.notes.push((name, Arc::new(note)));
        self
    }

    /// Adds a check that has to pass for the service to be ready. Its error is one sentence for
    /// operators. A check that takes longer than 2 s has failed.
    #[must_use]
    pub fn check<F, R>(mut self, name: &'static str, check: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.checks.push((name, Arc::new(move || check().boxed())));
        self
    }

    /// Runs every check, at the same time. Also for the `healthcheck` of a process without a server.
    pub async fn ready(&self) -> (bool, Vec<CheckReport>) {
        if self.stopping.is_cancelled() {
            let stopping = CheckReport {
                name: "stopping",
                status: "failed",
                detail: Some("the service is shutting down".to_owned()),
                milliseconds: 0,
            };
            return (false, vec![stopping]);
        }
        let checks = self.checks.iter().map(|(name, check)| run(name, check));
        let mut reports = join_all(checks).await;
        let is_ready = reports.iter().all(|report| report.status == "ok");
        if is_ready {
            self.was_ready.store(true, Ordering::Relaxed);
        } else {
            self.tell(&reports);
        }
        reports.extend(self.notes.iter().map(|(name, note)| {
            let detail = note();
            CheckReport {
                name,
                status: if detail.is_none() { "ok" } else { "warning" },
                detail,
                milliseconds: 0,
            }
        }));
        (is_ready, reports)
    }

    /// That a start takes its moment is no news.
    fn tell(&self, reports: &[CheckReport]) {
        let is_starting =
            !self.was_ready.load(Ordering::Relaxed) && self.started.elapsed() < STARTING;
        for report in reports {
            let (check, Some(detail)) = (report.name, &report.detail) else {
                continue;
            };
            if is_starting {
                tracing::debug!(check, "not ready: {detail}");
            } else {
                tracing::warn!(check, "not ready: {detail}");
            }
        }
    }

    /// The routes `/health`, `/health/live`, `/health/ready` and `/metrics`.
    ///
    /// The first two answer as long as the process does: a restart would not mend a database that is
    /// away. The third runs the checks.
    pub fn router(self) -> Router {
        Router::new()
            .route("/health", get(alive))
            .route("/health/live", get(alive))
            .route("/health/ready", get(ready))
            .route("/metrics", get(metrics))
            .with_state(Arc::new(self))
    }

    fn report(&self, headers: &HeaderMap, ok: bool, checks: Vec<CheckReport>) -> Response {
        let detail = self.access.allows(headers).then(|| HealthDetail {
            service: self.metrics.service().to_owned(),
            version: env!("CARGO_PKG_VERSION"),
            uptime_seconds: self.started.elapsed().as_secs(),
            checks,
        });
        let (status, word) = if ok {
            (StatusCode::OK, "ok")
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
        };
        let mut response = ApiJson(HealthReport {
            status: word,
            detail,
        })
        .into_response();
        *response.status_mut() = status;
        response.extensions_mut().insert(RawAnswer);
        response
    }
}

async fn run(name: &'static str, check: &Check) -> CheckReport {
    let started = Instant::now();
    let outcome = match tokio::time::timeout(CHECK_TIMEOUT, check()).await {
        Ok(outcome) => outcome,
        Err(_) => Err("no answer within 2 seconds".to_owned()),
    };
    CheckReport {
        name,
        status: if outcome.is_ok() { "ok" } else { "failed" },
        detail: outcome.err(),
        milliseconds: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    }
}

async fn alive(State(health): State<Arc<Health>>, headers: HeaderMap) -> Response {
    health.report(&headers, true, Vec::new())
}

async fn ready(State(health): State<Arc<Health>>, headers: HeaderMap) -> Response {
    let (ok, checks) = health.ready().await;
    health.report(&headers, ok, checks)
}

async fn metrics(
    State(health): State<Arc<Health>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if !health.access.allows(&headers) {
        return Err(match health.access {
            Access::Closed => Problem::forbidden(
                "metrics_closed",
                "set METRICS_TOKEN and send it as a bearer token to read metrics",
            ),
            _ => Problem::unauthorized(
                "metrics_token_required",
                "send METRICS_TOKEN as a bearer token to read metrics",
            ),
        });
    }
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let format = Exposition::from_accept(accept);
    let content_type = HeaderValue::from_static(format.content_type());
    Ok((
        [(CONTENT_TYPE, content_type)],
        health.metrics.encode(format),
    )
        .into_response())
}
