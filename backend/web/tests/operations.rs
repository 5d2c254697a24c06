//! Health, metrics and documentation.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use saas_domain::{Clock, Random};
use saas_telemetry::Metrics;
use saas_web::{
    Access, Embedded, Health, StackSettings,
    axum::{
        Router,
        body::{Body, to_bytes},
        response::Response,
    },
    docs,
    http::{Request, StatusCode},
    stack,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use utoipa_axum::{router::OpenApiRouter, routes};

const TOKEN: &str = "a-token-for-metrics";

struct Service {
    router: Router,
    database: Arc<AtomicBool>,
    stopping: CancellationToken,
}

fn service(access: Access) -> Service {
    let metrics = Metrics::new("core");
    let database = Arc::new(AtomicBool::new(true));
    let stopping = CancellationToken::new();
    let up = Arc::clone(&database);
    let health = Health::new(metrics.clone(), access, stopping.clone())
        .check("cache", || async { Ok(()) })
        .check("database", move || {
            let up = up.load(Ordering::Relaxed);
            async move {
                if up {
                    Ok(())
                } else {
                    Err("the database does not answer".to_owned())
                }
            }
        });
    let settings = StackSettings::new(Clock::system(), Random::os(), metrics);
    Service {
        router: stack(health.router(), settings),
        database,
        stopping,
    }
}

impl Service {
    async fn get(&self, path: &str, token: Option<&str>) -> (StatusCode, String) {
        let mut request = Request::get(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Body::empty()).unwrap();
        text(self.router.clone().oneshot(request).await.unwrap()).await
    }

    async fn json(&self, path: &str, token: Option<&str>) -> (StatusCode, Value) {
        let (status, body) = self.get(path, token).await;
        (status, serde_json::from_str(&body).unwrap())
    }
}

async fn text(response: Response) -> (StatusCode, String) {
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn strangers_learn_the_status_only() {
    let service = service(Access::new(Some(TOKEN), true));
    for path in ["/health", "/health/live", "/health/ready"] {
        assert_eq!(
            service.json(path, None).await,
            (StatusCode::OK, json!({"status": "ok"}))
        );
        assert_eq!(
            service.json(path, Some("wrong")).await.1,
            json!({"status": "ok"})
        );
    }
    let (_, detail) = service.json("/health/ready", Some(TOKEN)).await;
    assert_eq!(detail["service"], "core");
    assert_eq!(detail["checks"][1]["name"], "database");
    assert_eq!(detail["checks"][1]["status"], "ok");
}

#[tokio::test]
async fn a_database_that_is_away_makes_a_service_unready_but_not_dead() {
    let service = service(Access::new(Some(TOKEN), true));
    service.database.store(false, Ordering::Relaxed);
    let (status, answer) = service.json("/health/ready", None).await;
    assert_eq!(
        (status, answer),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            json!({"status": "unavailable"})
        )
    );
    let (_, detail) = service.json("/health/ready", Some(TOKEN)).await;
    assert_eq!(
        detail["checks"][1]["detail"],
        "the database does not answer"
    );
    assert_eq!(service.get("/health", None).await.0, StatusCode::OK);
    assert_eq!(service.get("/health/live", None).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_service_that_stops_is_not_ready() {
    let service = service(Access::Open);
    service.stopping.cancel();
    let (status, detail) = service.json("/health/ready", None).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(detail["checks"][0]["name"], "stopping");
    assert_eq!(service.get("/health/live", None).await.0, StatusCode::OK);
}

#[tokio::test]
async fn metrics_are_open_in_development_and_guarded_in_production() {
    let (status, text) = service(Access::new(None, false))
        .get("/metrics", None)
        .await;
    assert_eq!(status, StatusCode::OK);
    for name in [
        "saas_build_info{version=",
        "process_resident_memory_bytes ",
        "process_start_time_seconds ",
        "process_cpu_seconds_total ",
        "# TYPE http_requests_total counter",
        "# TYPE http_request_duration_seconds histogram",
    ] {
        assert!(text.contains(name), "{name} in {text}");
    }
    let guarded = service(Access::new(Some(TOKEN), true));
    assert_eq!(
        guarded.get("/metrics", None).await.0,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        guarded.get("/metrics", Some("wrong")).await.0,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(guarded.get("/metrics", Some(TOKEN)).await.0, StatusCode::OK);
    let closed = service(Access::new(None, true));
    assert_eq!(
        closed.get("/metrics", Some("")).await.0,
        StatusCode::FORBIDDEN
    );
}

#[utoipa::path(get, path = "/v1/things", summary = "Lists <things>", responses((status = 200)))]
async fn things() {}

fn documented(files: Option<saas_web::DocsFiles>) -> Router {
    let (router, openapi) = OpenApiRouter::<()>::new()
        .routes(routes!(things))
        .split_for_parts();
    let settings = StackSettings::new(Clock::system(), Random::os(), Metrics::new("core"));
    stack(router.merge(docs(openapi, files)), settings)
}

fn viewer(name: &str) -> Option<&'static Embedded> {
    (name == "scalar.js").then_some(&Embedded::Plain(b"window.Scalar = {}"))
}

#[tokio::test]
async fn the_description_says_what_every_operation_may_answer() {
    let request = Request::get("/openapi.json").body(Body::empty()).unwrap();
    let (_, body) = text(documented(None).oneshot(request).await.unwrap()).await;
    let description: Value = serde_json::from_str(&body).unwrap();
    let schema = &description["paths"]["/v1/things"]["get"]["responses"]["default"]["content"]["application/problem+json"]
        ["schema"]["$ref"];
    assert_eq!(schema, "#/components/schemas/Problem");
    let problem = &description["components"]["schemas"]["Problem"]["properties"];
    assert!(
        problem["type"].is_object() && problem["request_id"].is_object(),
        "{problem}"
    );
    assert!(description["components"]["schemas"]["FieldError"].is_object());
    assert_eq!(
        description["components"]["securitySchemes"]["bearer"]["scheme"],
        "bearer"
    );
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere_and_works_behind_a_prefix() {
    let get = |path: &'static str| async move {
        let request = Request::get(path).body(Body::empty()).unwrap();
        documented(Some(viewer)).oneshot(request).await.unwrap()
    };
    let response = get("/docs").await;
    let policy = response.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(policy.contains("script-src 'self'"), "{policy}");
    let (_, page) = text(response).await;
    assert!(page.contains("src=\"docs/scalar.js\"") && page.contains("href=\"openapi.json\""));
    assert!(
        page.contains("Lists &lt;things&gt;") && !page.contains("://"),
        "{page}"
    );
    let script = get("/docs/scalar.js").await;
    assert_eq!(
        script.headers()["content-type"],
        "text/javascript; charset=utf-8"
    );
    assert_eq!(get("/docs/start.js").await.status(), StatusCode::OK);
    assert!(page.contains("href=\"docs/icon.svg\""), "{page}");
    let icon = get("/docs/icon.svg").await;
    assert_eq!(icon.headers()["content-type"], "image/svg+xml");
    assert_eq!(get("/docs/other.js").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(get("/docs/").await.headers()["location"], "../docs");
}

#[tokio::test]
async fn without_the_viewer_the_page_is_a_plain_list() {
    let request = Request::get("/docs").body(Body::empty()).unwrap();
    let (_, page) = text(documented(None).oneshot(request).await.unwrap()).await;
    assert!(
        page.contains("<code>/v1/things</code>") && !page.contains("<script"),
        "{page}"
    );
}
