//! What every request of core and registry passes before and after its handler.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, MatchedPath, Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use futures_util::FutureExt as _;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
        X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};
use saas_domain::{Clock, Random};
use saas_telemetry::{Current, EndpointMetrics, Metrics, Parent, Span, SpanKind, Tracer};
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::{
    Problem,
    context::{REQUEST_ID, RequestContext, RequestId, TRACEPARENT, TimeLimit, TraceContext},
};

/// What [`stack`] needs to know.
#[derive(Clone, Debug)]
pub struct StackSettings {
    /// Tells the time for request identifiers.
    pub clock: Clock,
    /// Makes request and span identifiers.
    pub random: Random,
    /// Where requests are counted.
    pub metrics: Metrics,
    /// Takes the spans of requests that come with a trace that is recorded; nobody unless set.
    pub tracer: Tracer,
    /// How long a request may take until the head of its answer; 30 s unless set. A handler that
    /// waits on purpose extends it through [`TimeLimit`].
    pub time_limit: Duration,
    /// How large a body may be, in bytes; 1 MiB unless set. A route raises it by a
    /// `DefaultBodyLimit` layer of its own.
    pub body_limit: usize,
    /// Templates whose successful requests are logged at `debug` only, such as heartbeats.
    pub quiet: Vec<&'static str>,
}

impl StackSettings {
    /// The usual limits.
    pub fn new(clock: Clock, random: Random, metrics: Metrics) -> Self {
        Self {
            clock,
            random,
            metrics,
            tracer: Tracer::off(),
            time_limit: Duration::from_secs(30),
            body_limit: 1024 * 1024,
            quiet: vec!["/health", "/health/live", "/health/ready", "/metrics"],
        }
    }
}

/// Put into the extensions of an answer that speaks another dialect than problem+json: the
/// middleware then leaves its body alone, whatever the status.
#[derive(Clone, Copy, Debug)]
pub struct RawAnswer;

/// Wraps a router, complete with its routes, in the platform's middleware: request identifier,
/// trace, log span and access log, metrics by route template, panic guard, time limit, body limit,
/// problems for unknown paths and methods, security headers.
pub fn stack(router: Router, settings: StackSettings) -> Router {
    let body_limit = settings.body_limit;
    router
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
        .layer(DefaultBodyLimit::max(body_limit))
        .layer(from_fn_with_state(Arc::new(settings), pass))
}

async fn unknown_path() -> Problem {
    Problem::not_found("there is nothing at this path; `/openapi.json` lists what there is")
}

async fn unknown_method(method: Method) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed").detail(format!(
        "this path does not take {method}; the `Allow` header lists what it takes"
    ))
}

async fn pass(
    State(settings): State<Arc<StackSettings>>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let (trace, parent) = trace(request.headers(), &settings.random);
    let context = RequestContext {
        request_id: request_id(request.headers(), &settings),
        trace,
    };
    let template = request
        .extensions()
        .get::<MatchedPath>()
        .map(MatchedPath::as_str);
    let endpoint = template.unwrap_or("unmatched").to_owned();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    // Of the highest level, so that an error's line has these fields whatever `LOG_LEVEL` is.
    let span = tracing::error_span!(
        "request",
        service.name = settings.metrics.service(),
        request_id = context.request_id.as_str(),
        trace.id = context.trace.trace_id(),
        span.id = context.trace.span_id(),
    );
    let mut record = Record {
        counts: settings.metrics.http().endpoint(method.as_str(), &endpoint),
        started,
        status: None,
        tracer: &settings.tracer,
        span: parent
            .filter(|parent| settings.tracer.is_on() && parent.is_sampled())
            .map(|parent| server_span(&context.trace, &parent, &method, &endpoint)),
    };
    let current = record.span.as_ref().map(|_| {
        let (tracer, random) = (settings.tracer.clone(), settings.random.clone());
        Current::new(tracer, random, context.trace.ids())
    });
    let limit = TimeLimit::new(settings.time_limit);
    request.extensions_mut().insert(context.clone());
    request.extensions_mut().insert(limit.clone());

    let handled = async {
        let answer = AssertUnwindSafe(next.run(request)).catch_unwind();
        let answer = within(&limit, started, answer)
            .await
            .unwrap_or_else(Problem::into_response);
        let answer = finish(answer, &context, &path);
        let status = answer.status();
        record.status = Some(status);
        log_access(
            &settings,
            &method,
            &endpoint,
            &path,
            status,
            started.elapsed(),
        );
        answer
    };
    let handled = handled.instrument(span);
    match current {
        // Boxed, because it is rare and every request's future would carry its room.
        Some(current) => Box::pin(current.scope(handled)).await,
        None => handled.await,
    }
}

fn request_id(headers: &HeaderMap, settings: &StackSettings) -> RequestId {
    headers
        .get(REQUEST_ID)
        .and_then(|value| RequestId::parse(value.as_bytes()))
        .unwrap_or_else(|| RequestId::generate(&settings.clock, &settings.random))
}

/// This service's place in the trace, and its caller's if one came with the request.
fn trace(headers: &HeaderMap, random: &Random) -> (TraceContext, Option<TraceContext>) {
    let parent = headers
        .get(TRACEPARENT)
        .and_then(|value| TraceContext::parse(value.as_bytes()));
    let own = parent.map_or_else(
        || TraceContext::generate(random),
        |parent| parent.child(random),
    );
    (own, parent)
}

/// The span of a request. Only those with a parent have one: the gateway begins traces, and what the
/// platform's own processes ask each other all the time is no story.
fn server_span(own: &TraceContext, parent: &TraceContext, method: &Method, endpoint: &str) -> Span {
    let parent = Parent {
        id: parent.ids().1,
        is_remote: true,
    };
    let method = known_method(method);
    let started = std::time::Instant::now();
    let (name, route) = match endpoint {
        "unmatched" => (method.to_owned(), None),
        route => (format!("{method} {route}"), Some(route.to_owned())),
    };
    let mut span = Span::new(own.ids(), Some(parent), SpanKind::Server, name, started)
        .with("http.request.method", method)
        .with("url.scheme", "http");
    if let Some(route) = route {
        span.set("http.route", route);
    }
    span
}

/// The method, or what OpenTelemetry calls those that anybody may invent.
pub fn known_method(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = [
        "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE",
    ];
    let known = KNOWN.into_iter().find(|known| *known == method.as_str());
    known.unwrap_or("_OTHER")
}

/// Waits for the answer's head, as long as the limit, which the handler may extend meanwhile.
async fn within<F>(limit: &TimeLimit, started: Instant, answer: F) -> Result<Response, Problem>
where
    F: Future<Output = std::thread::Result<Response>>,
{
    let mut answer = std::pin::pin!(answer);
    loop {
        let allowed = limit.current();
        let left = allowed.saturating_sub(started.elapsed());
        match tokio::time::timeout(left, &mut answer).await {
            Ok(Ok(response)) => return Ok(response),
            Ok(Err(panic)) => return Err(Problem::internal(panic_message(&*panic))),
            Err(_) if limit.current() > allowed => {}
            Err(_) => {
                let seconds = allowed.as_secs();
                return Err(Problem::unavailable(
                    "time_limit",
                    1,
                    format!("the request took longer than {seconds} seconds and was given up"),
                ));
            }
        }
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("a handler panicked: {}", message.unwrap_or("no message"))
}

fn finish(mut response: Response, context: &RequestContext, path: &str) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        problem.log();
        rewrite(&mut response, &problem, context, path);
    } else if is_foreign_error(&response) {
        let problem = problem_for(response.status());
        problem.log();
        rewrite(&mut response, &problem, context, path);
    }
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, context.request_id.to_header());
    headers.insert(TRACEPARENT, context.trace.to_header());
    for (name, value) in SECURITY_HEADERS {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    response
}

const SECURITY_HEADERS: [(HeaderName, &str); 5] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
    // What an API answers is the caller's own and may change at once.
    (CACHE_CONTROL, "no-store"),
];

/// Writes the problem anew with the request's facts, and keeps headers that a layer in between set.
fn rewrite(response: &mut Response, problem: &Problem, context: &RequestContext, path: &str) {
    let (parts, body) = problem
        .to_http(Some(context.request_id.as_str()), Some(path))
        .into_parts();
    *response.status_mut() = parts.status;
    response.headers_mut().remove(http::header::CONTENT_LENGTH);
    response.headers_mut().extend(parts.headers);
    *response.body_mut() = Body::from(body);
}

/// An error that did not come from us: a rejection of the framework, in plain text or without body.
fn is_foreign_error(response: &Response) -> bool {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error())
        || response.extensions().get::<RawAnswer>().is_some()
    {
        return false;
    }
    let content_type = response.headers().get(CONTENT_TYPE);
    content_type.is_none_or(|value| value.as_bytes().starts_with(b"text/plain"))
}

fn problem_for(status: StatusCode) -> Problem {
    let words = status.canonical_reason().unwrap_or("error");
    let code = words
        .to_ascii_lowercase()
        .replace([' ', '-'], "_")
        .replace('\'', "");
    Problem::new(status, code).detail(format!(
        "the request was answered with {status}; the request's identifier finds it in the log"
    ))
}

/// Counts the request whatever becomes of it. A request whose caller went away before the answer is
/// dropped here; it counts with the status 499.
struct Record<'a> {
    counts: Arc<EndpointMetrics>,
    started: Instant,
    status: Option<StatusCode>,
    tracer: &'a Tracer,
    span: Option<Span>,
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        if let Some(mut span) = self.span.take() {
            match self.status.map(|status| status.as_u16()) {
                Some(status) => span.answered(status),
                None => span.set("error.type", "client_gone"),
            }
            self.tracer.end(span);
        }
        let status = self.status.map_or(499, |status| status.as_u16());
        self.counts.record(status, self.started.elapsed());
    }
}

fn log_access(
    settings: &StackSettings,
    method: &Method,
    endpoint: &str,
    path: &str,
    status: StatusCode,
    took: Duration,
) {
    let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
    let status_code = status.as_u16();
    // The path is logged without its query, which may hold what a log must not.
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                target: "access",
                {
                    http.request.method = method.as_str(),
                    http.route = endpoint,
                    url.path = path,
                    http.response.status_code = status_code,
                    event.duration = nanos
                },
                "{method} {path} {status_code}"
            )
        };
    }
    if settings.quiet.contains(&endpoint) && !status.is_server_error() {
        line!(debug);
    } else {
        line!(info);
    }
}
