//! Registration, heartbeats, expiry, drain: one process over SQLite, with a clock that the test
//! moves.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use saas_security::InternalRole;
use saas_storage::registry::{InstanceKey, instances};
use serde_json::{Value, json};
use support::{Home, Registry, call, noon};
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_registers_is_seen_renews_and_leaves() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, noon()).await;
    let body = json!({
        "address": "127.0.0.1", "port": 9000, "version": "1.4", "zone": "north", "weight": 50,
        "tags": ["blue"], "metadata": {"team": "订单"}, "lease_seconds": 30,
        "gateway": {"public_paths": ["/docs/*"]},
    });
    let path = "/v1/services/orders/instances";
    let token = registry.registration("orders", true);
    let answer = registry.call("POST", path, &token, &body).await.expect(201);
    let id = answer.text("id");
    assert_eq!(answer.body["heartbeat_seconds"], 10);
    let expires = answer
        .text("lease_expires_at")
        .parse::<chrono::DateTime<chrono::Utc>>();
    assert_eq!(
        expires.unwrap() - registry.clock.now(),
        chrono::Duration::seconds(30)
    );

    let shown = registry.get(path).await.expect(200).body["items"][0].clone();
    for member in [
        "address", "port", "version", "zone", "weight", "tags", "metadata",
    ] {
        assert_eq!(shown[member], body[member], "{member}");
    }
    assert_eq!((&shown["id"], &shown["status"]), (&json!(id), &json!("up")));
    let service = registry.get("/v1/services/orders").await.expect(200);
    assert_eq!(
        service.body["instances"],
        json!({"up": 1, "down": 0, "draining": 0})
    );
    assert_eq!(service.body["public_paths"], json!(["/docs/*"]));
    let targets = registry.get("/prometheus/targets").await.expect(200).body;
    assert_eq!(targets[0]["targets"], json!(["127.0.0.1:9000"]));
    assert_eq!(targets[0]["labels"]["service"], "orders");

    let beat = registry.heartbeat("orders", &id).await.expect(200);
    assert_eq!(beat.body, json!({"status": "up", "heartbeat_seconds": 10}));
    let one = format!("{path}/{id}");
    registry
        .call("DELETE", &one, &token, &Value::Null)
        .await
        .expect(204);
    registry
        .call("DELETE", &one, &token, &Value::Null)
        .await
        .problem(404, "not_found");
    registry
        .heartbeat("orders", &id)
        .await
        .problem(404, "not_found");
    assert!(registry.instances("orders").await.is_empty());
    // What it declared stands while it is between two instances.
    let service = registry.get("/v1/services/orders").await.expect(200);
    assert_eq!(service.body["public_paths"], json!(["/docs/*"]));
    registry.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_metrics_tell_which_service_lacks_instances() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, noon()).await;
    registry.register("orders", "a", 60).await.expect(201);
    registry.register("orders", "b", 60).await.expect(201);
    let up = r#"registry_service_instances{service="orders",kind="up"}"#;
    assert_eq!(registry.sample(up).await, Some(2.0));
    let operator = registry.operator();
    for id in ["a", "b"] {
        let path = format!("/v1/services/orders/instances/{id}");
        let gone = registry.call("DELETE", &path, &operator, &Value::Null);
        gone.await.expect(204);
    }
    assert_eq!(registry.sample(up).await, Some(0.0));
    // Switched off, it misses nothing.
    let change = json!({"is_active": false});
    let path = "/v1/services/orders";
    registry
        .call("PATCH", path, &operator, &change)
        .await
        .expect(200);
    assert_eq!(registry.sample(up).await, None);
    registry.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_metrics_tell_of_the_database() {
    let home = Home::postgres().await;
    let registry = Registry::start(&home, noon()).await;
    let up = r#"database_up{kind="postgres"}"#;
    // Looked at by a task beside the requests.
    while registry.sample("database_size_bytes").await.unwrap_or(0.0) < 1e6 {
        tokio::task::yield_now().await;
    }
    assert_eq!(registry.sample(up).await, Some(1.0));
    assert_eq!(registry.sample("database_replicas").await, Some(0.0));
    let begun = registry.sample("database_pool_wait_seconds_count").await;
    assert!(begun > Some(0.0), "{begun:?}");
    let refused = registry.sample("database_unavailable_total").await;
    assert_eq!(refused, Some(0.0));
    registry.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_is_not_renewed_ends() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, noon()).await;
    registry.register("orders", "kept", 5).await.expect(201);
    registry.register("orders", "gone", 5).await.expect(201);
    let mut stream = registry.stream(None).await;
    for _ in 0..6 {
        registry.clock.advance(chrono::Duration::seconds(1));
        registry.heartbeat("orders", "kept").await.expect(200);
        written(&registry, "kept").await;
    }
    stream.until_instances("orders", &[("kept", "up")]).await;
    registry
        .heartbeat("orders", "gone")
        .await
        .problem(404, "not_found");
    registry.heartbeat("orders", "kept").await.expect(200);
    assert_eq!(registry.instances("orders").await, ["kept"]);
}

/// Returns when the heartbeat just sent is in the database.
async fn written(registry: &Registry, id: &str) {
    let key = InstanceKey {
        service: "orders".parse().unwrap(),
        id: id.parse().unwrap(),
    };
    let wanted = registry.clock.now() + chrono::Duration::seconds(5);
    loop {
        let tx = registry.database.system_read("test").await.unwrap();
        let found = instances::find(&tx, &key).await.unwrap().unwrap();
        if found.lease_expires_at == wanted {
            return;
        }
        drop(tx);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn registering_again_changes_nothing_and_a_key_gives_the_same_instance() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, noon()).await;
    registry.register("orders", "a", 15).await.expect(201);
    let mut stream = registry.stream(None).await;
    assert_eq!(stream.next().await.unwrap().name, "snapshot");
    registry.register("orders", "a", 15).await.expect(201);
    stream.beat().await;

    let url = registry.url("/v1/services/orders/instances");
    let token = registry.operator();
    let body = json!({"address": "127.0.0.1", "port": 9001});
    let key = [("idempotency-key", "start-17")];
    let first = call("POST", &url, &token, &body, &key).await.expect(201);
    let second = call("POST", &url, &token, &body, &key).await.expect(201);
    assert_eq!(first.body["id"], second.body["id"]);
    let third = call("POST", &url, &token, &body, &[]).await.expect(201);
    assert_ne!(first.body["id"], third.body["id"]);
    assert_eq!(registry.instances("orders").await.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_waits_for_every_gateway() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, noon()).await;
    registry.register("orders", "a", 5).await.expect(201);
    let drain = async |wait: u32| {
        let path = format!("/v1/services/orders/instances/a/drain?wait={wait}");
        let token = registry.registration("orders", false);
        registry
            .call("POST", &path, &token, &Value::Null)
            .await
            .expect(200)
            .body
    };
    let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let busy = json!({"orders/a": 2, "orders/b": 9});
    registry.report(first, None, &json!({})).await;
    assert_eq!(
        drain(0).await,
        json!({"drained": false, "waiting_for": [first], "unknown": []})
    );
    let mut stream = registry.stream(None).await;
    let snapshot = stream.next().await.unwrap();
    assert_eq!(
        snapshot.data["services"][0]["instances"][0]["status"],
        "draining"
    );
    let seen = stream.seen.clone();

    // Acknowledged, but with requests in flight; then without, while the caller waits.
    registry.report(first, Some(&seen), &busy).await;
    assert_eq!(drain(0).await["waiting_for"], json!([first]));
    let finish = async {
        registry.report(second, Some(&seen), &json!({})).await;
        registry
            .report(first, Some(&seen), &json!({"orders/b": 9}))
            .await;
    };
    let (report, ()) = tokio::join!(drain(60), finish);
    assert_eq!(
        report,
        json!({"drained": true, "waiting_for": [], "unknown": []})
    );

    // One that fell silent is unknown, one that left is not waited for.
    registry.clock.advance(chrono::Duration::seconds(7));
    registry.report(first, Some(&seen), &json!({})).await;
    assert_eq!(
        drain(60).await,
        json!({"drained": false, "waiting_for": [], "unknown": [second]})
    );
    let path = format!("/internal/v1/gateways/{second}");
    let token = registry.internal(InternalRole::Gateway);
    registry
        .call("DELETE", &path, &token, &Value::Null)
        .await
        .expect(204);
    assert_eq!(drain(0).await["drained"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_share_a_limit_by_their_demand() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, noon()).await;
    let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let alone = json!({"gateways": 1, "shares": {}});
    let asked = json!({"tenant:t": 300, "tenant:own": 5});
    assert_eq!(registry.demand(first, &asked).await, alone);
    // Only what both are asked for is shared.
    assert_eq!(
        registry.demand(second, &json!({"tenant:t": 100})).await,
        json!({"gateways": 2, "shares": {"tenant:t": 0.25}})
    );
    assert_eq!(
        registry.demand(first, &asked).await,
        json!({"gateways": 2, "shares": {"tenant:t": 0.75}})
    );
    // A gateway that fell silent has no share any more.
    registry.clock.advance(chrono::Duration::seconds(7));
    assert_eq!(registry.demand(first, &asked).await, alone);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn draining_what_is_not_there_is_404() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, noon()).await;
    let path = "/v1/services/orders/instances/a/drain";
    for method in ["POST", "DELETE"] {
        let answer = registry
            .call(method, path, &registry.operator(), &Value::Null)
            .await;
        answer.problem(404, "not_found");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_are_listed_with_what_they_last_told() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, noon()).await;
    let (silent, telling) = (Uuid::from_u128(1), Uuid::from_u128(2));
    registry.report(silent, None, &json!({})).await;
    registry.clock.advance(chrono::Duration::seconds(7));
    let path = format!("/internal/v1/gateways/{telling}/report");
    let token = registry.internal(InternalRole::Gateway);
    let told = json!({"seen": "1-4", "in_flight": {"orders/a": 2, "billing/b": 3},
                      "address": "http://10.0.0.5:8000"});
    let answer = registry.call("POST", &path, &token, &told).await;
    answer.expect(200);
    let list = async |query: &str| {
        let path = format!("/v1/gateways{query}");
        let answer = registry
            .call("GET", &path, &registry.operator(), &Value::Null)
            .await;
        answer.expect(200).body
    };
    let all = list("").await;
    let shown = |at: usize, field: &str| all["items"][at][field].clone();
    assert_eq!(
        (shown(0, "is_live"), shown(0, "address")),
        (json!(false), Value::Null)
    );
    assert_eq!(
        (shown(1, "is_live"), shown(1, "address")),
        (json!(true), json!("http://10.0.0.5:8000"))
    );
    assert_eq!(
        (shown(1, "seen"), shown(1, "in_flight")),
        (json!("1-4"), json!(5))
    );
    let first = list("?limit=1").await;
    assert_eq!(first["items"][0]["id"], json!(silent));
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = list(&format!("?limit=1&cursor={cursor}")).await;
    assert_eq!(second["items"][0]["id"], json!(telling));
    assert_eq!(second["next_cursor"], Value::Null);
    // Ten minutes after its lease ended, one that never left is forgotten.
    registry.clock.advance(chrono::Duration::minutes(11));
    assert_eq!(list("").await["items"], json!([]));
}
