//! Health checks of real listeners.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};

use axum::response::IntoResponse;
use axum::routing::get;
use http::StatusCode;
use saas_domain::Clock;
use serde_json::{Value, json};
use support::{Home, Registry};
use tokio::task::JoinHandle;

/// An instance that answers with the status it is told to.
struct Instance {
    address: SocketAddr,
    status: Arc<AtomicU16>,
    /// Requests that followed a redirect.
    followed: Arc<AtomicU32>,
    serving: JoinHandle<()>,
}

impl Instance {
    async fn start() -> Self {
        let status = Arc::new(AtomicU16::new(200));
        let followed = Arc::new(AtomicU32::new(0));
        let told = Arc::clone(&status);
        let answer = move || {
            let status = StatusCode::from_u16(told.load(Ordering::SeqCst)).unwrap();
            async move { (status, [("location", "/elsewhere")], "secret").into_response() }
        };
        let count = Arc::clone(&followed);
        let elsewhere = move || {
            count.fetch_add(1, Ordering::SeqCst);
            async { StatusCode::OK }
        };
        let router = axum::Router::new()
            .route("/ready", get(answer))
            .route("/elsewhere", get(elsewhere));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self {
            address: listener.local_addr().unwrap(),
            status,
            followed,
            serving: tokio::spawn(async move {
                axum::serve(listener, router).await.unwrap();
            }),
        }
    }

    fn registration(&self, id: &str, check: &Value) -> Value {
        json!({
            "id": id, "address": "localhost", "port": self.address.port(), "lease_seconds": 60,
            "check": check,
        })
    }
}

async fn register(registry: &Registry, body: &Value) {
    let path = "/v1/services/orders/instances";
    registry.call("POST", path, "", body).await.expect(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_is_up_while_its_check_passes() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, Clock::system()).await;
    let instance = Instance::start().await;
    let check = json!({
        "type": "http", "path": "/ready", "interval_seconds": 1, "unhealthy_after": 2,
    });
    let mut stream = registry.stream(None).await;
    register(&registry, &instance.registration("a", &check)).await;
    // Down until the first check has passed.
    stream.until_instances("orders", &[("a", "down")]).await;
    stream.until_instances("orders", &[("a", "up")]).await;
    for failing in [500, 302] {
        instance.status.store(failing, Ordering::SeqCst);
        stream.until_instances("orders", &[("a", "down")]).await;
        instance.status.store(204, Ordering::SeqCst);
        stream.until_instances("orders", &[("a", "up")]).await;
    }
    assert_eq!(instance.followed.load(Ordering::SeqCst), 0);
    let list = registry
        .get("/v1/services/orders/instances?status=up")
        .await
        .expect(200);
    let shown = &list.body["items"][0];
    assert_eq!(shown["check_passing"], true);
    assert_eq!(shown["check"]["path"], "/ready");
    assert!(!list.body.to_string().contains("secret"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tcp_check_asks_for_a_connection_only() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, Clock::system()).await;
    let instance = Instance::start().await;
    instance.status.store(500, Ordering::SeqCst);
    let check = json!({"type": "tcp", "interval_seconds": 1, "unhealthy_after": 1});
    let mut stream = registry.stream(None).await;
    register(&registry, &instance.registration("a", &check)).await;
    stream.until_instances("orders", &[("a", "up")]).await;
    instance.serving.abort();
    stream.until_instances("orders", &[("a", "down")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_goes_nowhere_else() {
    let home = Home::sqlite().await;
    let registry = Registry::start_with(&home, Clock::system(), |settings| {
        let network = "10.0.0.0/8".parse().unwrap();
        settings.upstream_networks = std::iter::once(network).collect();
    })
    .await;
    let instance = Instance::start().await;
    let check = json!({"type": "http", "path": "/elsewhere", "interval_seconds": 1});
    let mut stream = registry.stream(None).await;
    // A name is let in, for what it means is known only when it is used.
    register(&registry, &instance.registration("a", &check)).await;
    stream.until_instances("orders", &[("a", "down")]).await;
    let list = async || {
        registry
            .get("/v1/services/orders/instances")
            .await
            .expect(200)
    };
    while list().await.body["items"][0]["check_passing"] != json!(false) {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(instance.followed.load(Ordering::SeqCst), 0);
}
