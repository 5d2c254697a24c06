//! Two replicas over one PostgreSQL: whoever is asked, the answer is the same.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use saas_domain::Clock;
use serde_json::{Value, json};
use support::{Apart, Home, Registry};
use uuid::Uuid;

async fn pair(home: &Home) -> [Registry; 2] {
    [
        Registry::start(home, Clock::system()).await,
        Registry::start(home, Clock::system()).await,
    ]
}

/// Asks until the answer is right: another replica's change shows a moment later.
macro_rules! soon {
    ($condition:expr) => {
        while !$condition {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_goes_to_the_other_replica() {
    let home = Home::postgres().await;
    let replicas = pair(&home).await;
    let mut turn = 0;
    let mut next = || {
        turn += 1;
        &replicas[turn % 2]
    };
    next().register("orders", "a", 60).await.expect(201);
    // Known in the database, whether or not it shows here yet.
    next().heartbeat("orders", "a").await.expect(200);
    next().heartbeat("orders", "a").await.expect(200);
    for number in 0..20 {
        let id = format!("i{number}");
        next().register("orders", &id, 60).await.expect(201);
        next().heartbeat("orders", &id).await.expect(200);
        next();
    }
    for replica in &replicas {
        soon!(replica.instances("orders").await.len() == 21);
    }
    let token = replicas[0].operator();
    let route = json!({"path": "/shop", "service": "orders"});
    let made = next()
        .call("POST", "/v1/routes", &token, &route)
        .await
        .expect(201);
    // The clash is found by the replica that did not make the route.
    let clash = next().call("POST", "/v1/routes", &token, &route).await;
    clash.problem(409, "route_conflict");
    let one = format!("/v1/routes/{}", made.text("id"));
    let disable = json!({"is_enabled": false});
    next()
        .call("PATCH", &one, &token, &disable)
        .await
        .expect(200);
    let changed = next()
        .call("PATCH", &one, &token, &json!({"name": "Shop"}))
        .await
        .expect(200);
    assert_eq!(
        (&changed.body["is_enabled"], &changed.body["version"]),
        (&json!(false), &json!(3))
    );
    let path = "/v1/services/orders/instances/a";
    next()
        .call("DELETE", path, &token, &Value::Null)
        .await
        .expect(204);
    next()
        .call("DELETE", path, &token, &Value::Null)
        .await
        .problem(404, "not_found");
    for replica in replicas {
        soon!(replica.instances("orders").await.len() == 20);
        replica.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_streams_tell_the_same_and_resume_each_others() {
    let home = Home::postgres().await;
    let [one, two] = pair(&home).await;
    let mut first = one.stream(None).await;
    let mut second = two.stream(None).await;
    first.next().await.unwrap();
    second.next().await.unwrap();
    one.register("orders", "a", 60).await.expect(201);
    let here = first.next().await.unwrap();
    let there = second.next().await.unwrap();
    assert_eq!((here.number, &here.data), (there.number, &there.data));
    let seen = first.seen.clone();
    drop(first);
    two.register("orders", "b", 60).await.expect(201);
    one.register("billing", "a", 60).await.expect(201);
    // The reader goes on at the other replica.
    let mut first = two.stream(Some(&seen)).await;
    first
        .until_instances("orders", &[("a", "up"), ("b", "up")])
        .await;
    first.until_instances("billing", &[("a", "up")]).await;
    assert_eq!(first.seen.rsplit('-').next().unwrap(), "3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_end_although_the_leader_was_killed() {
    let home = Home::postgres().await;
    let one = Apart::start(&home).await;
    let leader = one.registry.database.clone();
    // Somebody holds the leader's lease from here on: the only replica there is.
    while leader
        .try_lead("registry", Uuid::from_u128(1), Duration::ZERO)
        .await
        .unwrap()
    {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let two = Registry::start(&home, Clock::system()).await;
    one.registry.register("orders", "gone", 5).await.expect(201);
    one.registry.register("orders", "kept", 5).await.expect(201);
    let mut stream = two.stream(None).await;
    one.kill();
    let beats = async {
        loop {
            two.heartbeat("orders", "kept").await.expect(200);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        () = beats => {}
        () = stream.until_instances("orders", &[("kept", "up")]) => {}
    }
    two.heartbeat("orders", "gone")
        .await
        .problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_reports_to_one_and_the_other_answers_the_drain() {
    let home = Home::postgres().await;
    let [one, two] = pair(&home).await;
    one.register("orders", "a", 60).await.expect(201);
    let gateway = Uuid::from_u128(7);
    one.report(gateway, None, &json!({})).await;
    let mut stream = one.stream(None).await;
    let path = "/v1/services/orders/instances/a/drain";
    let report = two
        .call("POST", path, &two.operator(), &Value::Null)
        .await
        .expect(200);
    assert_eq!(report.body["waiting_for"], json!([gateway]));
    // Written by `two`, it reaches `one` a moment later; a gateway that has seen only what `one` had
    // before is rightly waited for.
    stream.until_instances("orders", &[("a", "draining")]).await;
    let path = format!("{path}?wait=60");
    let operator = two.operator();
    // Its lease of six seconds begins anew, however long the lines before took.
    one.report(gateway, None, &json!({})).await;
    let (report, ()) = tokio::join!(two.call("POST", &path, &operator, &Value::Null), async {
        one.report(gateway, Some(&stream.seen), &json!({})).await;
    });
    assert_eq!(report.expect(200).body["drained"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_undoes_the_drain_that_the_other_waits_for() {
    let home = Home::postgres().await;
    let [one, two] = pair(&home).await;
    one.register("orders", "a", 60).await.expect(201);
    let gateway = Uuid::from_u128(7);
    one.report(gateway, None, &json!({})).await;
    let mut stream = two.stream(None).await;
    let path = "/v1/services/orders/instances/a/drain";
    let waiting = format!("{path}?wait=60");
    let operator = one.operator();
    let (report, ()) = tokio::join!(one.call("POST", &waiting, &operator, &Value::Null), async {
        stream.until_instances("orders", &[("a", "draining")]).await;
        two.call("DELETE", path, &operator, &Value::Null)
            .await
            .expect(204);
        stream.until_instances("orders", &[("a", "up")]).await;
        // Both marks are seen and nothing is in flight: drained it is not.
        one.report(gateway, Some(&stream.seen), &json!({})).await;
    });
    let undone = json!({"drained": false, "waiting_for": [], "unknown": []});
    assert_eq!(report.expect(200).body, undone);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_create_the_same_route_at_once_make_one() {
    let home = Home::postgres().await;
    let [one, two] = pair(&home).await;
    let token = one.operator();
    for round in 0..5 {
        let route = json!({"path": format!("/shop{round}"), "service": "orders"});
        let (a, b) = tokio::join!(
            one.call("POST", "/v1/routes", &token, &route),
            two.call("POST", "/v1/routes", &token, &route),
        );
        let mut statuses = [a.status, b.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409]);
    }
}
