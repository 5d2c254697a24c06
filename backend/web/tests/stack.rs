//! What every request passes, whatever its handler does.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::time::Duration;

use saas_domain::{Clock, Random};
use saas_telemetry::{Exposition, Metrics};
use saas_web::{
    ApiJson, Problem, RawAnswer, RequestContext, StackSettings, TimeLimit,
    axum::{
        Extension, Router,
        body::{Body, to_bytes},
        response::{IntoResponse, Response},
        routing::{get, post},
    },
    http::{Request, StatusCode, header::ALLOW},
    stack,
};
use serde_json::Value;
use tower::ServiceExt as _;

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

struct Service {
    router: Router,
    metrics: Metrics,
}

fn service(routes: Router) -> Service {
    let metrics = Metrics::new("test");
    let settings = StackSettings::new(Clock::system(), Random::seeded(1), metrics.clone());
    Service {
        router: stack(routes, settings),
        metrics,
    }
}

impl Service {
    async fn send(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn get(&self, path: &str) -> Response {
        self.send(Request::get(path).body(Body::empty()).unwrap())
            .await
    }
}

async fn document(response: Response) -> Value {
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    let body = to_bytes(response.into_body(), 65_536).await.unwrap();
    serde_json::from_slice(&body).unwrap()
}

#[tokio::test]
async fn identifiers_from_outside_are_kept_and_reach_the_handler() {
    let routes = Router::new().route(
        "/",
        get(|context: RequestContext| async move {
            ApiJson([context.request_id.to_string(), context.trace.trace_id()])
        }),
    );
    let request = Request::get("/")
        .header("x-request-id", "mine-1")
        .header("traceparent", TRACE);
    let response = service(routes)
        .send(request.body(Body::empty()).unwrap())
        .await;
    assert_eq!(response.headers()["x-request-id"], "mine-1");
    let trace = response.headers()["traceparent"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        trace.starts_with(&TRACE[..36]) && trace != TRACE,
        "a child of the caller's span"
    );
    let body = to_bytes(response.into_body(), 1024).await.unwrap();
    assert_eq!(
        &body[..],
        br#"["mine-1","4bf92f3577b34da6a3ce929d0e0e4736"]"#
    );
}

#[tokio::test]
async fn without_them_new_ones_are_made_for_each_request() {
    let service = service(Router::new().route("/", get(|| async {})));
    let bad = Request::get("/")
        .header("x-request-id", "a b")
        .header("traceparent", "00-x");
    let first = service.send(bad.body(Body::empty()).unwrap()).await;
    let second = service.get("/").await;
    let id = |response: &Response| {
        response.headers()["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(id(&first).len(), 36);
    assert_ne!(id(&first), id(&second));
    assert!(first.headers().contains_key("traceparent"));
}

#[tokio::test]
async fn a_problem_is_completed_with_the_requests_facts() {
    let routes = Router::new().route(
        "/v1/tenants/{id}",
        get(|| async { Problem::not_found("no such tenant").source("row not found") }),
    );
    let request = Request::get("/v1/tenants/7?key=secret").header("x-request-id", "r-7");
    let response = service(routes)
        .send(request.body(Body::empty()).unwrap())
        .await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    let document = document(response).await;
    assert_eq!(document["instance"], "/v1/tenants/7");
    assert_eq!(document["request_id"], "r-7");
    assert_eq!(document["code"], "not_found");
    assert!(!document.to_string().contains("row not found"));
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems_too() {
    let service = service(Router::new().route("/thing", get(|| async {}).put(|| async {})));
    let unknown = service.get("/other").await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    assert_eq!(document(unknown).await["code"], "not_found");

    let request = Request::post("/thing").body(Body::empty()).unwrap();
    let wrong = service.send(request).await;
    assert_eq!(wrong.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(wrong.headers()[ALLOW], "GET,HEAD,PUT");
    assert_eq!(document(wrong).await["code"], "method_not_allowed");
}

#[tokio::test]
async fn a_panic_is_a_500_that_tells_nothing() {
    async fn panics() {
        panic!("a detail of ours");
    }
    let response = service(Router::new().route("/", get(panics)))
        .get("/")
        .await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let document = document(response).await;
    assert_eq!(document["code"], "internal");
    assert!(!document.to_string().contains("a detail of ours"));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_takes_too_long_is_given_up() {
    let routes = Router::new()
        .route("/slow", get(|| tokio::time::sleep(Duration::from_secs(40))))
        .route(
            "/patient",
            get(|limit: TimeLimit| async move {
                limit.extend_to(Duration::from_mins(1));
                tokio::time::sleep(Duration::from_secs(40)).await;
            }),
        );
    let service = service(routes);
    let slow = service.get("/slow").await;
    assert_eq!(slow.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(slow.headers().contains_key("retry-after"));
    assert_eq!(document(slow).await["code"], "time_limit");
    assert_eq!(service.get("/patient").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_frameworks_own_errors_become_problems_and_dialects_stay() {
    let routes = Router::new()
        // Without the extension in place, the framework answers 500 in plain text.
        .route("/broken", get(|_: Extension<u8>| async {}))
        .route(
            "/teapot",
            get(|| async { (StatusCode::IM_A_TEAPOT, "short and stout") }),
        )
        .route(
            "/dialect",
            get(|| async {
                (StatusCode::NOT_FOUND, Extension(RawAnswer), "no such key").into_response()
            }),
        );
    let service = service(routes);
    assert_eq!(
        document(service.get("/broken").await).await["code"],
        "internal_server_error"
    );
    assert_eq!(
        document(service.get("/teapot").await).await["code"],
        "im_a_teapot"
    );
    let dialect = service.get("/dialect").await;
    assert_eq!(dialect.status(), StatusCode::NOT_FOUND);
    assert_eq!(
        to_bytes(dialect.into_body(), 100).await.unwrap(),
        "no such key"
    );
}

#[tokio::test]
async fn answers_carry_the_security_headers_unless_they_set_their_own() {
    let routes = Router::new().route("/", get(|| async {})).route(
        "/page",
        get(|| async { ([("content-security-policy", "script-src 'self'")], "") }),
    );
    let service = service(routes);
    let plain = service.get("/").await;
    assert_eq!(plain.headers()["x-content-type-options"], "nosniff");
    assert_eq!(plain.headers()["cache-control"], "no-store");
    let page = service.get("/page").await;
    assert_eq!(
        page.headers()["content-security-policy"],
        "script-src 'self'"
    );
}

#[tokio::test]
async fn requests_are_counted_by_template_and_never_by_path() {
    let routes = Router::new()
        .route(
            "/v1/tenants/{id}",
            get(|| async {}).delete(|| async { StatusCode::NO_CONTENT }),
        )
        .nest(
            "/v2",
            Router::new().route("/things/{id}", post(|| async {})),
        );
    let service = service(routes);
    for path in [
        "/v1/tenants/1",
        "/v1/tenants/2",
        "/v1/../etc/passwd",
        "/nothing/here",
    ] {
        service.get(path).await;
    }
    let request = Request::builder()
        .method("BREW")
        .uri("/v1/tenants/1")
        .body(Body::empty())
        .unwrap();
    service.send(request).await;
    let request = Request::post("/v2/things/5").body(Body::empty()).unwrap();
    service.send(request).await;

    let text = service.metrics.encode(Exposition::Text);
    let counted = |labels: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(labels))
            .map(str::trim)
    };
    let templated =
        "http_requests_total{method=\"GET\",endpoint=\"/v1/tenants/{id}\",status=\"200\"}";
    assert_eq!(counted(templated), Some("2"), "{text}");
    let unmatched = "http_requests_total{method=\"GET\",endpoint=\"unmatched\",status=\"404\"}";
    assert_eq!(counted(unmatched), Some("2"), "{text}");
    let odd = "http_requests_total{method=\"OTHER\",endpoint=\"/v1/tenants/{id}\",status=\"405\"}";
    assert_eq!(counted(odd), Some("1"), "{text}");
    let nested =
        "http_request_duration_seconds_count{method=\"POST\",endpoint=\"/v2/things/{id}\"}";
    assert_eq!(counted(nested), Some("1"), "{text}");
    assert!(!text.contains("passwd"));
}

#[tokio::test]
async fn a_caller_that_goes_away_is_counted_with_499() {
    let (entered, mut began) = tokio::sync::mpsc::channel::<()>(1);
    let routes = Router::new().route(
        "/",
        get(move || async move {
            entered.send(()).await.unwrap();
            std::future::pending::<()>().await;
        }),
    );
    let service = service(routes);
    tokio::select! {
        _ = service.get("/") => unreachable!("the handler never answers"),
        _ = began.recv() => {}
    }
    let text = service.metrics.encode(Exposition::Text);
    assert!(text.contains("endpoint=\"/\",status=\"499\"} 1"), "{text}");
}
