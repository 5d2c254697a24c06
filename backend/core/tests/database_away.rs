//! A database that is away or locked: 503 with `Retry-After`, and nothing acknowledged is lost.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use hyper::Method;
use saas_security::InternalRole;
use saas_storage::ChangeStream;
use saas_testkit::servers::PostgresServer;
use serde_json::json;
use support::{Home, PASSWORD, Platform};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_stopped_and_comes_back() {
    let server = tokio::task::spawn_blocking(PostgresServer::start).await;
    let mut server = server.unwrap().unwrap();
    // The server of the test kit acknowledges before it writes; a real one does not.
    let durable = format!("{}?options[synchronous_commit]=on", server.url());
    let home = Home::Address(durable);
    saas_migration::up(&home.url()).await.unwrap();
    let platform = Platform::start(home).await;
    let operator = platform.operator().await;
    let made = platform
        .post("/v1/tenants", &operator, json!({"name": "Acme"}))
        .await
        .expect(201);
    let path = format!("/v1/tenants/{}", made.text("id"));
    // A gateway that has heard from another core what this one will not hear of now.
    let ahead = platform.core.db.changes(ChangeStream::Trust).latest().await;
    let ahead = ahead.map(|at| format!("{}-{}", at.epoch, at.number + 1));
    let ahead = ahead.unwrap();
    let gateway = platform.internal(InternalRole::Gateway);
    let listen = async || {
        let last = [("last-event-id", ahead.as_str())];
        let path = "/internal/v1/stream";
        let stream = platform
            .core
            .api
            .open(Method::GET, path, &gateway, &last, None);
        stream.await.status().as_u16()
    };

    let mut server = tokio::task::spawn_blocking(move || {
        server.stop().unwrap();
        server
    })
    .await
    .unwrap();
    let away = platform.login(support::ADMIN, PASSWORD).await;
    let away = away.problem(503, "database_unavailable");
    assert!(!away.header("retry-after").is_empty());
    assert!(!away.body.to_string().contains("sql"), "{}", away.body);
    let away = platform
        .patch(&path, &operator, json!({"name": "New"}))
        .await
        .expect(503);
    assert!(!away.header("retry-after").is_empty());
    platform.get("/health/live", "").await.expect(200);
    assert_eq!(platform.get("/health/ready", "").await.status, 503);
    // It is not led back to where the session that it knows to have ended goes on.
    assert_eq!(listen().await, 503);

    let _server = tokio::task::spawn_blocking(move || {
        server.start_again().unwrap();
        server
    })
    .await
    .unwrap();
    // It mends itself; how soon depends on the pool and on the follower.
    loop {
        let answer = platform.get(&path, &operator).await;
        if answer.status == 200 {
            assert_eq!(answer.text("name"), "Acme");
            break;
        }
        answer.expect(503);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    platform.login(support::ADMIN, PASSWORD).await.expect(200);
    // What the database says now is the truth, and be it less.
    assert_eq!(listen().await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_sqlite_file_is_waited_for_and_then_said_to_be() {
    let platform = Platform::start(Home::embedded().await).await;
    let other = platform.another().await;
    let operator = platform.operator().await;
    let lock = other.db.system("test.lock").await.unwrap();
    let locked = platform
        .post("/v1/tenants", &operator, json!({"name": "Acme"}))
        .await;
    let locked = locked.problem(503, "database_unavailable");
    assert!(!locked.header("retry-after").is_empty());
    // Reading goes on meanwhile.
    platform.get("/v1/tenants", &operator).await.expect(200);
    drop(lock);
    platform
        .post("/v1/tenants", &operator, json!({"name": "Acme"}))
        .await
        .expect(201);
}
