//! A real server on a real socket: it stops without losing a request.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use garde::Validate;
use saas_domain::{Clock, Random};
use saas_telemetry::Metrics;
use saas_web::{
    ApiJson, Served, StackSettings,
    axum::{
        Router,
        extract::ConnectInfo,
        routing::{get, post},
    },
    bind, serve, stack,
};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Semaphore,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: test\r\n\r\n";

struct Server {
    address: SocketAddr,
    shutdown: CancellationToken,
    served: JoinHandle<Served>,
}

fn start(routes: Router, grace: Duration) -> Server {
    let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let settings = StackSettings::new(Clock::system(), Random::os(), Metrics::new("test"));
    let served = tokio::spawn(serve(
        listener,
        stack(routes, settings),
        shutdown.clone(),
        grace,
    ));
    Server {
        address,
        shutdown,
        served,
    }
}

const LONG: Duration = Duration::from_mins(1);

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.address).await.unwrap()
}

async fn rest(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    // A connection that is cut off ends with an error; what came before it counts.
    let _ = stream.read_to_end(&mut text).await;
    String::from_utf8(text).unwrap()
}

/// Reads one answer with a body of two bytes.
async fn answer(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\nok") {
        let mut byte = [0];
        stream.read_exact(&mut byte).await.unwrap();
        text.push(byte[0]);
    }
    String::from_utf8(text).unwrap()
}

/// A handler that says that it began and waits to be let go on.
fn gate() -> (Router, Arc<Semaphore>, Arc<Semaphore>) {
    let (began, go) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (begins, goes) = (Arc::clone(&began), Arc::clone(&go));
    let routes = Router::new().route(
        "/",
        get(move || async move {
            begins.add_permits(1);
            goes.acquire().await.unwrap().forget();
            "ok"
        }),
    );
    (routes, began, go)
}

#[tokio::test]
async fn a_request_under_way_is_finished_and_ends_its_connection() {
    let (routes, began, go) = gate();
    let server = start(routes, LONG);
    let mut stream = connect(&server).await;
    stream.write_all(REQUEST).await.unwrap();
    began.acquire().await.unwrap().forget();
    server.shutdown.cancel();
    go.add_permits(1);
    let answer = rest(stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("ok"),
        "{answer}"
    );
    assert!(answer.contains("connection: close"), "{answer}");
    assert_eq!(server.served.await.unwrap(), Served { cut_off: 0 });
    assert!(
        TcpStream::connect(server.address).await.is_err(),
        "nobody listens any more"
    );
}

#[tokio::test]
async fn a_connection_that_waits_to_be_accepted_is_served() {
    // On a single-threaded runtime the server runs only when this test waits: after `cancel`.
    let routes = Router::new().route("/", get(|| async { "ok" }));
    let server = start(routes, LONG);
    let mut stream = std::net::TcpStream::connect(server.address).unwrap();
    std::io::Write::write_all(&mut stream, REQUEST).unwrap();
    server.shutdown.cancel();
    stream.set_nonblocking(true).unwrap();
    let answer = rest(TcpStream::from_std(stream).unwrap()).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert_eq!(server.served.await.unwrap(), Served { cut_off: 0 });
}

#[tokio::test]
async fn an_idle_connection_may_bring_a_last_request_and_is_closed() {
    let server = start(Router::new().route("/", get(|| async { "ok" })), LONG);
    let mut lively = connect(&server).await;
    let mut idle = connect(&server).await;
    for stream in [&mut lively, &mut idle] {
        stream.write_all(REQUEST).await.unwrap();
        assert!(!answer(stream).await.contains("connection: close"));
    }
    server.shutdown.cancel();
    lively.write_all(REQUEST).await.unwrap();
    assert!(rest(lively).await.contains("connection: close"));
    assert_eq!(rest(idle).await, "");
    assert_eq!(server.served.await.unwrap(), Served { cut_off: 0 });
}

#[tokio::test]
async fn what_outlives_the_grace_time_is_cut_off() {
    let (routes, began, _go) = gate();
    let server = start(routes, Duration::from_millis(50));
    let mut stream = connect(&server).await;
    stream.write_all(REQUEST).await.unwrap();
    began.acquire().await.unwrap().forget();
    server.shutdown.cancel();
    assert_eq!(server.served.await.unwrap(), Served { cut_off: 1 });
    assert_eq!(rest(stream).await, "");
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let server = start(Router::new(), LONG);
    let mut stream = connect(&server).await;
    let head = format!(
        "GET / HTTP/1.1\r\nhost: test\r\nx: {}\r\n\r\n",
        "x".repeat(70_000)
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    assert!(rest(stream).await.starts_with("HTTP/1.1 431 "));
}

#[derive(Deserialize, Serialize, Validate)]
struct Body {
    #[garde(skip)]
    name: String,
}

#[tokio::test]
async fn a_body_that_stops_half_way_is_a_400() {
    let routes = Router::new().route(
        "/",
        post(|ApiJson(body): ApiJson<Body>| async { ApiJson(body) }),
    );
    let server = start(routes, LONG);
    let mut stream = connect(&server).await;
    let head = b"POST / HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{\"na";
    stream.write_all(head).await.unwrap();
    stream.shutdown().await.unwrap();
    let answer = rest(stream).await;
    assert!(
        answer.is_empty() || answer.contains("body_incomplete"),
        "{answer}"
    );

    let mut next = connect(&server).await;
    next.write_all(REQUEST).await.unwrap();
    let mut first = [0; 12];
    next.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 405", "the server goes on");
}

#[tokio::test]
async fn whose_large_body_is_refused_still_hears_why() {
    let routes = Router::new().route("/", post(|| async { "no" }));
    let server = start(routes, LONG);
    let body = vec![b'x'; 4 * 1024 * 1024];
    let length = body.len();
    for _ in 0..50 {
        let mut stream = connect(&server).await;
        let head = format!("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        // All of it, before the answer is looked at.
        stream.write_all(&body).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
}

#[tokio::test]
async fn a_handler_knows_its_peer() {
    let routes = Router::new().route(
        "/",
        get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() }),
    );
    let server = start(routes, LONG);
    let mut stream = connect(&server).await;
    let local = stream.local_addr().unwrap().to_string();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    assert!(rest(stream).await.ends_with(&local));
}
