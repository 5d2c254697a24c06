//! Which instance answers, and that one does.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use http::{Method, Request};
use http_body_util::{BodyExt as _, Empty};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use saas_registry_client::wire::{InstanceStatus, Service};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, sync::Semaphore};

use crate::support::{Gateway, Upstream, eventually, instance, read_head, service};

fn orders(upstreams: &[&Upstream]) -> Service {
    let instances = ["a", "b", "c"]
        .iter()
        .zip(upstreams)
        .map(|(id, upstream)| instance(id, upstream.address))
        .collect();
    service("orders", instances)
}

#[tokio::test]
async fn requests_spread_over_equal_instances() {
    let (a, b) = (Upstream::echo("a").await, Upstream::echo("b").await);
    let gateway = Gateway::start(vec![orders(&[&a, &b])]).await;
    for _ in 0..40 {
        assert_eq!(gateway.get("/api/orders/public/x").send().await.status, 200);
    }
    assert_eq!(a.hits() + b.hits(), 40);
    assert!(
        a.hits() >= 15 && b.hits() >= 15,
        "{} {}",
        a.hits(),
        b.hits()
    );
}

#[tokio::test]
async fn who_is_busy_gets_less() {
    let busy_with = Arc::new(AtomicUsize::new(0));
    let gate = Arc::new(Semaphore::new(0));
    let (count, closed) = (Arc::clone(&busy_with), Arc::clone(&gate));
    let slow = Upstream::bytes(move |mut stream, _| {
        let (count, closed) = (Arc::clone(&count), Arc::clone(&closed));
        async move {
            read_head(&mut stream).await;
            count.fetch_add(1, Ordering::SeqCst);
            let _permit = closed.acquire().await;
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                .await;
        }
    })
    .await;
    let quick = Upstream::echo("quick").await;
    let gateway = Gateway::start(vec![orders(&[&slow, &quick])]).await;
    let mut waiting = Vec::new();
    // Requests go out until one is stuck at the slow one.
    while busy_with.load(Ordering::SeqCst) < 1 {
        let request = gateway.get("/api/orders/public/x");
        waiting.push(tokio::spawn(request.send()));
        let sent = waiting.len();
        eventually("the request's arrival", || async {
            busy_with.load(Ordering::SeqCst) + quick.hits() == sent
        })
        .await;
    }
    let before = quick.hits();
    for _ in 0..20 {
        assert_eq!(gateway.get("/api/orders/public/x").send().await.status, 200);
    }
    assert_eq!(quick.hits() - before, 20);
    gate.add_permits(100);
    for request in waiting {
        assert_eq!(request.await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn an_instance_that_dies_in_a_loop_of_requests_costs_none_of_them() {
    let (a, b) = (Upstream::echo("a").await, Upstream::echo("b").await);
    let gateway = Arc::new(Gateway::start(vec![orders(&[&a, &b])]).await);
    let answered = Arc::new(AtomicUsize::new(0));
    let loops: Vec<_> = (0..8)
        .map(|_| {
            let (gateway, answered) = (Arc::clone(&gateway), Arc::clone(&answered));
            tokio::spawn(async move {
                for _ in 0..100 {
                    let reply = gateway.get("/api/orders/public/x").send().await;
                    assert_eq!(reply.status, 200, "{reply:?}");
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    eventually("some answers", || async {
        answered.load(Ordering::SeqCst) > 100
    })
    .await;
    a.kill();
    for each in loops {
        each.await.unwrap();
    }
    assert_eq!(answered.load(Ordering::SeqCst), 800);
}

#[tokio::test]
async fn a_service_between_two_instances_is_waited_for() {
    let first = Upstream::echo("first").await;
    let gateway = Gateway::start(vec![orders(&[&first])]).await;
    assert_eq!(gateway.get("/api/orders/public/x").send().await.status, 200);
    first.kill();
    gateway.control.change_service(orders(&[]));
    let waiting = tokio::spawn(
        gateway
            .request(&Method::POST, "/api/orders/public/x")
            .body("not sent twice")
            .send(),
    );
    eventually("the wait", || async {
        assert!(!waiting.is_finished(), "it does not wait");
        let metrics = gateway.get("/metrics").send().await;
        let text = String::from_utf8(metrics.body.to_vec()).unwrap();
        text.contains("gateway_waited_for_instance_total 1")
    })
    .await;
    let second = Upstream::echo("second").await;
    gateway.control.change_service(orders(&[&second]));
    let reply = waiting.await.unwrap();
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.json()["name"], "second");
    assert_eq!(second.hits(), 1);
}

#[tokio::test]
async fn what_cannot_be_repeated_is_not_lost_on_connections_to_an_instance_that_was_killed() {
    let mut current = Upstream::echo("x").await;
    let gateway = Gateway::start(vec![orders(&[&current])]).await;
    // One connection, so that all requests use the same thread's connections to the instance.
    let stream = TcpStream::connect(gateway.address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = |method| {
        let request = Request::builder().method(method).header("host", "x");
        let request = request.uri("/api/orders/public/x");
        request.body(Empty::<Bytes>::new()).unwrap()
    };
    for _ in 0..30 {
        sender.ready().await.unwrap();
        let answered = sender.send_request(request(Method::GET)).await.unwrap();
        answered.into_body().collect().await.unwrap();
        let next = Upstream::echo("x").await;
        std::mem::replace(&mut current, next).kill();
        sender.ready().await.unwrap();
        let answer = sender.send_request(request(Method::POST));
        gateway.control.change_service(orders(&[&current]));
        let answered = answer.await.unwrap();
        assert_eq!(answered.status(), 200);
        answered.into_body().collect().await.unwrap();
        assert_eq!(current.hits(), 1);
    }
}

#[tokio::test]
async fn a_service_that_never_had_an_instance_is_not_waited_for() {
    let gateway = Gateway::start(vec![orders(&[])]).await;
    let reply = gateway.get("/api/orders/public/x").send().await;
    assert_eq!(reply.status, 503);
    assert_eq!(reply.code(), "no_instance");
    assert_eq!(reply.header("retry-after"), "1");
}

#[tokio::test]
async fn an_instance_outside_the_permitted_networks_gets_nothing() {
    let upstream = Upstream::echo("a").await;
    let mut elsewhere = orders(&[&upstream]);
    elsewhere.instances[0].address = "169.254.169.254".into();
    let gateway = Gateway::with(vec![elsewhere], |settings| {
        settings.upstream_networks = ["0.0.0.0/0".parse().unwrap()].into_iter().collect();
    })
    .await;
    let reply = gateway.get("/api/orders/public/x").send().await;
    assert_eq!(
        (reply.status.as_u16(), reply.code().as_str()),
        (503, "no_instance")
    );
}

#[tokio::test]
async fn instances_may_be_named() {
    let upstream = Upstream::echo("a").await;
    let mut named = orders(&[&upstream]);
    named.instances[0].address = "localhost".into();
    let gateway = Gateway::start(vec![named]).await;
    eventually("the name's address", || async {
        gateway.get("/api/orders/public/x").send().await.status == 200
    })
    .await;
}

#[tokio::test]
async fn what_drains_gets_nothing_new() {
    let (a, b) = (Upstream::echo("a").await, Upstream::echo("b").await);
    let gateway = Gateway::start(vec![orders(&[&a, &b])]).await;
    let mut draining = orders(&[&a, &b]);
    draining.instances[0].status = InstanceStatus::Draining;
    gateway.control.change_service(draining);
    let number = gateway.control.number();
    eventually("the report of the new table", || async {
        let seen = gateway.control.last_report().and_then(|report| report.seen);
        seen.is_some_and(|seen| seen.number == number)
    })
    .await;
    let before = a.hits();
    for _ in 0..20 {
        assert_eq!(gateway.get("/api/orders/public/x").send().await.status, 200);
    }
    assert_eq!(a.hits(), before);
}

#[tokio::test]
async fn connections_are_kept_on_both_sides() {
    let upstream = Upstream::echo("a").await;
    let gateway = Gateway::start(vec![orders(&[&upstream])]).await;
    let stream = TcpStream::connect(gateway.address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut peers = HashSet::new();
    for number in 0..50 {
        let request = Request::get(format!("/api/orders/public/{number}"))
            .header("host", "x")
            .body(Empty::<Bytes>::new())
            .unwrap();
        sender.ready().await.unwrap();
        let response = sender.send_request(request).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let saw: serde_json::Value = serde_json::from_slice(&body).unwrap();
        peers.insert(saw["peer"].to_string());
    }
    assert_eq!(upstream.hits(), 50);
    assert_eq!(peers.len(), 1, "{peers:?}");
}

#[tokio::test]
async fn a_connection_that_was_closed_behind_our_back_is_no_failure() {
    // Answers once per connection, promising to keep it open, and closes it.
    let upstream = Upstream::bytes(|mut stream, _| async move {
        read_head(&mut stream).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            .await;
    })
    .await;
    let gateway = Gateway::start(vec![orders(&[&upstream])]).await;
    for _ in 0..50 {
        let reply = gateway.get("/api/orders/public/x").send().await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }
}

#[tokio::test]
async fn what_may_have_taken_effect_is_not_sent_twice() {
    let upstream = Upstream::bytes(|mut stream, _| async move {
        read_head(&mut stream).await;
    })
    .await;
    let gateway = Gateway::start(vec![orders(&[&upstream])]).await;
    let reply = gateway
        .request(&Method::POST, "/api/orders/public/x")
        .send()
        .await;
    assert_eq!(
        (reply.status.as_u16(), reply.code().as_str()),
        (502, "upstream_failed")
    );
    assert_eq!(upstream.hits(), 1);
    let reply = gateway.get("/api/orders/public/x").send().await;
    assert_eq!(reply.status, 502);
    assert_eq!(upstream.hits(), 1 + 3);
}
