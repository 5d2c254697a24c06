//! The change stream: snapshot, changes, resume.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use serde_json::json;
use support::{Home, Registry, noon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_comes_back_gets_what_it_missed_and_nothing_else() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, noon()).await;
    registry.register("orders", "a", 15).await.expect(201);
    let mut stream = registry.stream(None).await;
    let snapshot = stream.next().await.unwrap();
    assert_eq!((snapshot.name.as_str(), snapshot.number), ("snapshot", 1));
    assert_eq!(snapshot.data["services"][0]["name"], "orders");
    stream.beat().await;
    registry.register("billing", "a", 15).await.expect(201);
    let event = stream.next().await.unwrap();
    assert_eq!((event.name.as_str(), event.number), ("service", 2));
    assert_eq!(event.data["name"], "billing");
    let seen = stream.seen.clone();
    drop(stream);

    for id in ["b", "c"] {
        registry.register("orders", id, 15).await.expect(201);
    }
    let route = json!({"path": "/shop", "service": "orders"});
    let operator = registry.operator();
    registry
        .call("POST", "/v1/routes", &operator, &route)
        .await
        .expect(201);
    let mut stream = registry.stream(Some(&seen)).await;
    // Two changes of one service are one event, with the later number.
    let event = stream.next().await.unwrap();
    assert_eq!((event.name.as_str(), event.number), ("service", 4));
    assert_eq!(event.data["instances"].as_array().unwrap().len(), 3);
    let event = stream.next().await.unwrap();
    assert_eq!((event.name.as_str(), event.number), ("route", 5));
    assert_eq!(event.data["path"], "/shop");
    stream.beat().await;

    let latest = stream.seen.clone();
    registry.stream(Some(&latest)).await.beat().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_of_another_history_starts_over() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, noon()).await;
    registry.register("orders", "a", 15).await.expect(201);
    for stranger in ["1-1", "nonsense", "9223372036854775807-1"] {
        let mut stream = registry.stream(Some(stranger)).await;
        assert_eq!(stream.next().await.unwrap().name, "snapshot");
    }
    let mut stream = registry.stream(None).await;
    stream.next().await.unwrap();
    let before = stream.seen.clone();
    // A restore began a new epoch: the stream ends, and what was seen counts for nothing.
    registry.database.begin_epoch().await.unwrap();
    assert!(stream.next().await.is_none());
    let mut stream = registry.stream(Some(&before)).await;
    assert_eq!(stream.next().await.unwrap().name, "snapshot");
    assert_ne!(stream.seen.split('-').next(), before.split('-').next());
    registry.register("orders", "b", 15).await.expect(201);
    assert_eq!(stream.next().await.unwrap().name, "service");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_registry_remembers_the_log() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, noon()).await;
    registry.register("orders", "a", 15).await.expect(201);
    let mut stream = registry.stream(None).await;
    stream.next().await.unwrap();
    let seen = stream.seen.clone();
    registry.register("orders", "b", 15).await.expect(201);
    registry.stop().await;

    let registry = Registry::start(&home, noon()).await;
    let mut stream = registry.stream(Some(&seen)).await;
    let event = stream.next().await.unwrap();
    assert_eq!((event.name.as_str(), event.number), ("service", 2));
    assert_eq!(registry.instances("orders").await, ["a", "b"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_ends_every_stream_at_once() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, noon()).await;
    let mut stream = registry.stream(None).await;
    stream.next().await.unwrap();
    let (end, ()) = tokio::join!(stream.next(), registry.stop());
    assert!(end.is_none());
}
