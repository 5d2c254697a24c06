//! The way back from a drain: what the stream tells, who is named, and what the checks say.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use saas_domain::{Clock, Permission};
use saas_storage::core::audit::{self, AuditFilter};
use serde_json::{Value, json};
use support::{Home, Registry, noon};

const DRAIN: &str = "/v1/services/orders/instances/a/drain";

async fn drain(registry: &Registry, token: &str) {
    let answer = registry.call("POST", DRAIN, token, &Value::Null).await;
    answer.expect(200);
}

async fn undrain(registry: &Registry, token: &str) {
    let answer = registry.call("DELETE", DRAIN, token, &Value::Null).await;
    answer.expect(204);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drained_instance_is_taken_back_and_the_stream_says_so_once() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, noon()).await;
    registry.register("orders", "a", 15).await.expect(201);
    let token = registry.registration("orders", false);
    let mut stream = registry.stream(None).await;
    assert_eq!(stream.next().await.unwrap().name, "snapshot");
    // Of one that is not draining, nothing changes.
    undrain(&registry, &token).await;
    stream.beat().await;
    drain(&registry, &token).await;
    stream.until_instances("orders", &[("a", "draining")]).await;
    // A heartbeat renews the lease and leaves the drain as it is.
    let beat = registry.heartbeat("orders", "a").await.expect(200);
    assert_eq!(beat.body["status"], "draining");
    undrain(&registry, &token).await;
    stream.until_instances("orders", &[("a", "up")]).await;
    undrain(&registry, &token).await;
    stream.beat().await;
    let beat = registry.heartbeat("orders", "a").await.expect(200);
    assert_eq!(beat.body["status"], "up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_who_takes_it_back_is_in_the_audit_log() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, Clock::system()).await;
    let core = registry.with_core().await;
    registry.register("orders", "a", 15).await.expect(201);
    let manager = core.token(&[Permission::RegistryManage]);
    drain(&registry, &manager).await;
    undrain(&registry, &manager).await;
    // The second time, nothing is done that could be told. The service's own doing is not told.
    undrain(&registry, &manager).await;
    let own = registry.registration("orders", false);
    drain(&registry, &own).await;
    undrain(&registry, &own).await;
    let tx = registry.database.system_read("test").await.unwrap();
    let entries = audit::list(&tx, None, &AuditFilter::default(), None, 10).await;
    let told: Vec<_> = entries
        .unwrap()
        .into_iter()
        .map(|entry| {
            assert!(entry.actor_id.is_some());
            (entry.action, entry.object_type, entry.object_id)
        })
        .collect();
    let about = |action: &str| {
        let object = Some("orders/a".to_owned());
        (action.to_owned(), "instance".to_owned(), object)
    };
    assert_eq!(told, [about("instance.undrain"), about("instance.drain")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_check_goes_on_meanwhile_and_decides() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, Clock::system()).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let body = json!({
        "id": "a", "address": "127.0.0.1", "port": address.port(), "lease_seconds": 60,
        "check": {"type": "tcp", "interval_seconds": 1, "healthy_after": 1, "unhealthy_after": 1},
    });
    let path = "/v1/services/orders/instances";
    let mut stream = registry.stream(None).await;
    registry.call("POST", path, "", &body).await.expect(201);
    stream.until_instances("orders", &[("a", "up")]).await;
    let operator = registry.operator();
    let shown = async || {
        let list = registry.get(path).await.expect(200);
        list.body["items"][0].clone()
    };
    drain(&registry, &operator).await;
    drop(listener);
    while shown().await["check_passing"] != json!(false) {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(shown().await["status"], "draining");
    undrain(&registry, &operator).await;
    assert_eq!(shown().await["status"], "down");

    drain(&registry, &operator).await;
    let _listener = std::net::TcpListener::bind(address).unwrap();
    while shown().await["check_passing"] != json!(true) {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    undrain(&registry, &operator).await;
    assert_eq!(shown().await["status"], "up");
}
