//! A database that is away or locked: 503 with `Retry-After`, the hot state goes on, and nothing
//! acknowledged is lost.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use saas_domain::{Clock, Random};
use saas_storage::{Database, DatabaseSettings};
use saas_testkit::servers::PostgresServer;
use serde_json::json;
use support::{Home, Registry};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_stopped_and_comes_back() {
    let server = tokio::task::spawn_blocking(PostgresServer::start).await;
    let mut server = server.unwrap().unwrap();
    // The server of the test kit acknowledges before it writes; a real one does not.
    let durable = format!("{}?options[synchronous_commit]=on", server.url());
    let home = Home::Address(durable);
    saas_migration::up(&home.url()).await.unwrap();
    let registry = Registry::start(&home, Clock::system()).await;
    registry.register("orders", "a", 5).await.expect(201);
    registry.register("orders", "b", 60).await.expect(201);
    let mut stream = registry.stream(None).await;
    stream.next().await.unwrap();

    let mut server = tokio::task::spawn_blocking(move || {
        server.stop().unwrap();
        server
    })
    .await
    .unwrap();
    let away = registry.register("orders", "c", 60).await;
    away.problem(503, "database_unavailable");
    let operator = registry.operator();
    let change = json!({"is_active": false});
    let away = registry
        .call("PATCH", "/v1/services/orders", &operator, &change)
        .await;
    away.problem(503, "database_unavailable");
    // What is known is still shown, and the process is alive but not ready.
    assert_eq!(registry.instances("orders").await, ["a", "b"]);
    registry.get("/health").await.expect(200);
    registry.get("/health/live").await.expect(200);
    registry.get("/health/ready").await.expect(503);
    // Nobody may rely on a heartbeat that cannot be written.
    loop {
        let beat = registry.heartbeat("orders", "b").await;
        if beat.status != 200 {
            beat.problem(503, "database_unavailable");
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Longer than the shortest lease: it would have ended.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let up = r#"database_up{kind="postgres"}"#;
    while registry.sample(up).await != Some(0.0) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(registry.sample("database_unavailable_total").await > Some(0.0));

    let _server = tokio::task::spawn_blocking(move || {
        server.start_again().unwrap();
        server
    })
    .await
    .unwrap();
    loop {
        let answer = registry.heartbeat("orders", "a").await;
        if answer.status == 200 {
            break;
        }
        answer.problem(503, "database_unavailable");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    while registry.sample(up).await != Some(1.0) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Both leases were spared while heartbeats had nowhere to go.
    assert_eq!(registry.instances("orders").await, ["a", "b"]);
    registry.register("orders", "c", 60).await.expect(201);
    assert_eq!(registry.instances("orders").await, ["a", "b", "c"]);
    registry.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_starts_without_its_database() {
    let home = Home::Address("postgresql://nobody@127.0.0.1:9/nothing".to_owned());
    let registry = Registry::start(&home, Clock::system()).await;
    let answer = registry.get("/v1/services").await;
    answer.problem(503, "registry_starting");
    registry.get("/health").await.expect(200);
    registry.get("/health/ready").await.expect(503);
    registry.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_is_locked_by_somebody_else() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, Clock::system()).await;
    registry.register("orders", "a", 60).await.expect(201);
    let settings = DatabaseSettings::new(home.url());
    let other = Database::open(settings, Clock::system(), Random::os())
        .await
        .unwrap();
    let lock = other.system("test").await.unwrap();
    let away = registry.register("orders", "b", 60).await;
    away.problem(503, "database_unavailable");
    assert_eq!(registry.instances("orders").await, ["a"]);
    drop(lock);
    loop {
        let answer = registry.register("orders", "b", 60).await;
        if answer.status == 201 {
            break;
        }
        answer.problem(503, "database_unavailable");
    }
    assert_eq!(registry.instances("orders").await, ["a", "b"]);
}
