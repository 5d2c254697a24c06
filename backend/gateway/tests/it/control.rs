//! What the gateway tells, and how it ends.

use std::sync::Arc;

use http::{Method, Request};
use http_body_util::{BodyExt as _, Empty};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, sync::Notify};

use crate::support::{Gateway, Upstream, eventually, instance, read_head, service};

/// Answers when it is told to.
async fn held() -> (Upstream, Arc<Notify>) {
    let go = Arc::new(Notify::new());
    let wait = Arc::clone(&go);
    let upstream = Upstream::bytes(move |mut stream, _| {
        let wait = Arc::clone(&wait);
        async move {
            read_head(&mut stream).await;
            wait.notified().await;
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
                .await;
        }
    })
    .await;
    (upstream, go)
}

#[tokio::test]
async fn the_registry_hears_what_is_under_way() {
    let (upstream, go) = held().await;
    let orders = service("orders", vec![instance("a", upstream.address)]);
    let gateway = Gateway::start(vec![orders]).await;
    let waiting = tokio::spawn(gateway.get("/api/orders/public/x").send());
    let told = || async {
        let report = gateway.control.last_report();
        report.map_or(0, |report| {
            report.in_flight.get("orders/a").copied().unwrap_or(0)
        })
    };
    eventually("the report of one", || async { told().await == 1 }).await;
    go.notify_one();
    assert_eq!(waiting.await.unwrap().body, "done");
    eventually("the report of none", || async { told().await == 0 }).await;
}

#[tokio::test]
async fn a_stop_finishes_what_was_begun_and_tells_the_last_figures() {
    let (upstream, go) = held().await;
    let orders = service("orders", vec![instance("a", upstream.address)]);
    let mut gateway = Gateway::start(vec![orders]).await;
    let stream = TcpStream::connect(gateway.address).await.unwrap();
    let (mut idle, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let ask = |path: &str| {
        Request::get(path)
            .header("host", "x")
            .body(Empty::<Bytes>::new())
            .unwrap()
    };
    let first = idle.send_request(ask("/health/ready")).await.unwrap();
    assert_eq!(first.status(), 200);
    first.into_body().collect().await.unwrap();

    assert_eq!(gateway.get("/nowhere").send().await.status, 404);
    let waiting = tokio::spawn(gateway.get("/api/orders/public/x").send());
    eventually("the request's arrival", || async { upstream.hits() == 1 }).await;
    let stopping = tokio::spawn(gateway.take_handle().stop());
    // A connection that was idle when the signal came is answered once more, and told to go.
    idle.ready().await.unwrap();
    let last = idle.send_request(ask("/health/live")).await.unwrap();
    assert_eq!(last.status(), 200);
    go.notify_one();
    let reply = waiting.await.unwrap();
    assert_eq!(reply.body, "done");
    assert_eq!(stopping.await.unwrap(), 0, "nothing was cut off");
    assert!(TcpStream::connect(gateway.address).await.is_err());
    assert!(gateway.control.was_left());
    let traffic = gateway.control.traffic();
    let windows: Vec<_> = traffic.iter().flat_map(|report| &report.windows).collect();
    let requests = |service: &str| -> u64 {
        let of_service = windows.iter().filter(|window| window.service == service);
        of_service.map(|window| window.requests).sum()
    };
    assert_eq!(requests("orders"), 1);
    // What leads nowhere is traffic; questions about the gateway's own health are none.
    assert_eq!(requests("-"), 1);
    for (number, report) in (1..).zip(&traffic) {
        assert_eq!(report.number, number);
    }
}

#[tokio::test]
async fn a_stop_in_a_storm_loses_no_request() {
    let upstream = Upstream::echo("a").await;
    let orders = service("orders", vec![instance("a", upstream.address)]);
    let mut gateway = Gateway::start(vec![orders]).await;
    let address = gateway.address;
    let clients: Vec<_> = (0..16)
        .map(|_| {
            tokio::spawn(async move {
                let mut answered = 0;
                // One connection for as long as the gateway keeps it; then a new one.
                'connections: loop {
                    let Ok(stream) = TcpStream::connect(address).await else {
                        return answered;
                    };
                    let (mut sender, connection) =
                        http1::handshake(TokioIo::new(stream)).await.unwrap();
                    tokio::spawn(connection);
                    loop {
                        if sender.ready().await.is_err() {
                            continue 'connections;
                        }
                        let request = Request::get("/api/orders/public/x")
                            .header("host", "x")
                            .body(Empty::<Bytes>::new())
                            .unwrap();
                        match sender.try_send_request(request).await {
                            Ok(response) => {
                                assert_eq!(response.status(), 200);
                                response.into_body().collect().await.unwrap();
                                answered += 1;
                            }
                            // Closed before anything was sent, or reset because the listener
                            // went: never closed with a request unanswered.
                            Err(error) => {
                                assert!(!error.error().is_incomplete_message(), "{error:?}");
                                continue 'connections;
                            }
                        }
                    }
                }
            })
        })
        .collect();
    eventually("the storm", || async { upstream.hits() > 500 }).await;
    assert_eq!(gateway.take_handle().stop().await, 0);
    let mut answered = 0;
    for client in clients {
        answered += client.await.unwrap();
    }
    assert_eq!(answered, upstream.hits());
}

#[tokio::test]
async fn figures_carry_templates_and_strangers_learn_little() {
    let upstream = Upstream::echo("a").await;
    let orders = service("orders", vec![instance("a", upstream.address)]);
    let gateway = Gateway::with(vec![orders], |settings| {
        settings.metrics_token = Some(saas_config::Secret::new("a-token-for-metrics"));
    })
    .await;
    gateway.get("/api/orders/public/secret-path").send().await;
    gateway.get("/nothing/of/the/kind").send().await;
    assert_eq!(gateway.get("/metrics").send().await.status, 401);
    let metrics = gateway
        .get("/metrics")
        .bearer("a-token-for-metrics")
        .send()
        .await;
    let text = String::from_utf8(metrics.body.to_vec()).unwrap();
    for line in [
        "http_requests_total{method=\"GET\",endpoint=\"/api/{service}/*\",status=\"200\"} ",
        "http_requests_total{method=\"GET\",endpoint=\"unmatched\",status=\"404\"} 1",
        "http_request_duration_seconds_count{method=\"GET\",endpoint=\"/api/{service}/*\"} ",
        "gateway_instances 3",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains("secret-path") && !text.contains("of/the/kind"));
    let stranger = gateway.get("/health/ready").send().await.json();
    assert_eq!(stranger, serde_json::json!({"status": "ok"}));
    let operator = gateway
        .get("/health/ready")
        .bearer("a-token-for-metrics")
        .send()
        .await
        .json();
    assert_eq!(operator["checks"][0]["name"], "routing");
    let post = gateway.request(&Method::POST, "/health").send().await;
    assert_eq!(post.status, 405);
}
