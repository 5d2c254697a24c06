//! Bodies in both directions: streamed, large, early, broken.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use futures_util::stream;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::{
    body::{Body, Bytes, Frame, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use saas_web::axum::{self, Router, routing::post};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{Notify, mpsc},
};

use crate::support::{Gateway, Upstream, instance, raw, read_head, service};

const PIECE: usize = 64 * 1024;
const PIECES: usize = 1024;

async fn gateway_to(upstream: &Upstream) -> Gateway {
    let orders = service("orders", vec![instance("a", upstream.address)]);
    Gateway::start(vec![orders]).await
}

async fn send<B>(address: SocketAddr, request: Request<B>) -> Response<Incoming>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender.send_request(request).await.unwrap()
}

fn upload<B>(path: &str, body: B) -> Request<B> {
    Request::post(path).header("host", "x").body(body).unwrap()
}

fn echo_router() -> Router {
    let echo = |request: axum::extract::Request| async move {
        axum::response::Response::new(request.into_body())
    };
    Router::new().route("/public/echo", post(echo))
}

#[tokio::test]
async fn large_bodies_stream_in_both_directions_at_once() {
    let upstream = Upstream::router(echo_router()).await;
    let gateway = gateway_to(&upstream).await;
    let pieces = stream::iter((0..PIECES).map(|number| {
        let byte = u8::try_from(number % 251).unwrap();
        Ok::<_, Infallible>(Frame::data(Bytes::from(vec![byte; PIECE])))
    }));
    let request = upload("/api/orders/public/echo", StreamBody::new(pieces));
    let mut body = send(gateway.address, request).await.into_body();
    let mut at = 0;
    while let Some(frame) = body.frame().await {
        for byte in frame.unwrap().into_data().unwrap() {
            assert_eq!(usize::from(byte), at / PIECE % 251, "at {at}");
            at += 1;
        }
    }
    assert_eq!(at, PIECE * PIECES);
}

#[tokio::test]
async fn each_piece_comes_back_before_the_next_is_sent() {
    let upstream = Upstream::router(echo_router()).await;
    let gateway = gateway_to(&upstream).await;
    let (sender, receiver) = mpsc::channel::<Bytes>(1);
    let pieces = stream::unfold(receiver, |mut receiver| async move {
        let piece = receiver.recv().await?;
        Some((Ok::<_, Infallible>(Frame::data(piece)), receiver))
    });
    sender.send("0".into()).await.unwrap();
    let request = upload("/api/orders/public/echo", StreamBody::new(pieces));
    let mut body = send(gateway.address, request).await.into_body();
    for number in 1..20 {
        let back = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(back, (number - 1).to_string());
        sender.send(number.to_string().into()).await.unwrap();
    }
}

#[tokio::test]
async fn an_answer_that_comes_early_is_not_held_back() {
    let upstream = Upstream::bytes(|mut stream, _| async move {
        read_head(&mut stream).await;
        let _ = stream
            .write_all(b"HTTP/1.1 409 Conflict\r\nContent-Length: 5\r\n\r\nearly")
            .await;
        // The rest of the upload is neither read nor refused.
        std::future::pending::<()>().await;
    })
    .await;
    let gateway = gateway_to(&upstream).await;
    let endless =
        stream::repeat_with(|| Ok::<_, Infallible>(Frame::data(Bytes::from_static(&[b'x'; 1024]))));
    let response = send(
        gateway.address,
        upload("/api/orders/public/x", StreamBody::new(endless)),
    )
    .await;
    assert_eq!(response.status(), 409);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "early");
}

#[tokio::test]
async fn an_early_answer_is_seen_even_if_its_sender_closes_amid_the_upload() {
    // It leaves the body unread, so that the kernel resets the connection behind the answer.
    let upstream = Upstream::bytes(|mut stream, _| async move {
        read_head(&mut stream).await;
        let _ = stream
            .write_all(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nlarge")
            .await;
    })
    .await;
    let gateway = gateway_to(&upstream).await;
    let body = Bytes::from(vec![b'x'; 4 * 1024 * 1024]);
    for _ in 0..50 {
        let reply = gateway
            .request(&Method::POST, "/api/orders/public/x")
            .body(body.clone())
            .try_send()
            .await
            .unwrap();
        assert_eq!(
            (reply.status.as_u16(), &reply.body[..]),
            (413, &b"large"[..])
        );
    }
}

#[tokio::test]
async fn bodies_beyond_the_limit_are_refused_announced_or_not() {
    let upstream = Upstream::router(echo_router()).await;
    let orders = service("orders", vec![instance("a", upstream.address)]);
    let gateway = Gateway::with(vec![orders], |settings| {
        settings.max_upload_bytes = Some(1000);
    })
    .await;
    let path = "/api/orders/public/echo";
    let fits = gateway.request(&Method::POST, path).body(vec![b'x'; 1000]);
    assert_eq!(fits.send().await.body.len(), 1000);
    let announced = gateway.request(&Method::POST, path).body(vec![b'x'; 1001]);
    let reply = announced.send().await;
    assert_eq!(
        (reply.status.as_u16(), reply.code().as_str()),
        (413, "body_too_large")
    );
    let chunks = "1f4\r\n".to_owned() + &"x".repeat(500) + "\r\n";
    let request = format!(
        "POST /api/orders/public/sink HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
        chunks.repeat(3)
    );
    let sink = Upstream::bytes(|mut stream, _| async move {
        let mut nowhere = Vec::new();
        let _ = stream.read_to_end(&mut nowhere).await;
    })
    .await;
    gateway
        .control
        .change_service(service("orders", vec![instance("sink", sink.address)]));
    crate::support::eventually("the sink", || async {
        let number = gateway.control.number();
        let seen = gateway.control.last_report().and_then(|report| report.seen);
        seen.is_some_and(|seen| seen.number == number)
    })
    .await;
    let answer = raw(gateway.address, request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn whose_large_body_is_refused_still_hears_why() {
    let upstream = Upstream::router(echo_router()).await;
    let gateway = gateway_to(&upstream).await;
    let body = vec![b'x'; 4 * 1024 * 1024];
    let head = format!(
        "POST /api/orders/private HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    for _ in 0..10 {
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // All of it, before the answer is looked at.
        stream.write_all(&body).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    }
}

#[tokio::test]
async fn a_body_that_stops_half_way_is_a_refusal_and_nothing_breaks() {
    let upstream = Upstream::router(echo_router()).await;
    let gateway = gateway_to(&upstream).await;
    for framing in [
        "Content-Length: 100\r\n\r\nhalf",
        "Transfer-Encoding: chunked\r\n\r\n64\r\nhalf",
    ] {
        let request = format!("POST /api/orders/public/slow HTTP/1.1\r\nHost: x\r\n{framing}");
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
    }
    let reply = gateway
        .request(&Method::POST, "/api/orders/public/echo")
        .body("whole");
    assert_eq!(reply.send().await.body, "whole");
}

#[tokio::test]
async fn a_malformed_chunk_is_a_bad_request() {
    let sink = Upstream::bytes(|mut stream, _| async move {
        let mut nowhere = Vec::new();
        let _ = stream.read_to_end(&mut nowhere).await;
    })
    .await;
    let gateway = gateway_to(&sink).await;
    let request = "POST /api/orders/public/x HTTP/1.1\r\nHost: x\r\n\
                   Transfer-Encoding: chunked\r\n\r\nnonsense\r\n";
    let answer = raw(gateway.address, request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("malformed_body"), "{answer}");
}

#[tokio::test]
async fn nobody_is_told_to_go_on_before_the_request_is_admitted() {
    let upstream = Upstream::router(echo_router()).await;
    let gateway = gateway_to(&upstream).await;
    let ask = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\
             Expect: 100-continue\r\nConnection: close\r\n\r\n"
        )
    };
    let answer = raw(gateway.address, ask("/api/orders/private").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");

    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let request = ask("/api/orders/public/echo");
    stream.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(
        read_head(&mut stream).await,
        "HTTP/1.1 100 Continue\r\n\r\n"
    );
    stream.write_all(b"body").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("body"), "{answer}");
}

#[tokio::test]
async fn events_arrive_one_by_one() {
    let next = Arc::new(Notify::new());
    let wait = Arc::clone(&next);
    let upstream = Upstream::bytes(move |mut stream, _| {
        let wait = Arc::clone(&wait);
        async move {
            read_head(&mut stream).await;
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
                        Transfer-Encoding: chunked\r\n\r\n";
            stream.write_all(head.as_bytes()).await.unwrap();
            for number in 0..3 {
                let event = format!("9\r\ndata: {number}\n\n\r\n");
                stream.write_all(event.as_bytes()).await.unwrap();
                wait.notified().await;
            }
            stream.write_all(b"0\r\n\r\n").await.unwrap();
        }
    })
    .await;
    let gateway = gateway_to(&upstream).await;
    let request = Request::get("/api/orders/public/events")
        .header("host", "x")
        .body(http_body_util::Empty::<Bytes>::new())
        .unwrap();
    let response = send(gateway.address, request).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    for number in 0..3 {
        let event = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(event, format!("data: {number}\n\n"));
        next.notify_one();
    }
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn an_answer_that_breaks_off_does_not_look_whole() {
    let upstream = Upstream::bytes(|mut stream, _| async move {
        read_head(&mut stream).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            .await;
    })
    .await;
    let gateway = gateway_to(&upstream).await;
    let reply = gateway.get("/api/orders/public/x").try_send().await;
    assert!(reply.is_err(), "{reply:?}");
}

#[tokio::test]
async fn trailers_pass() {
    let upstream = Upstream::bytes(|mut stream, _| async move {
        read_head(&mut stream).await;
        let answer = "HTTP/1.1 200 OK\r\nTrailer: x-sum\r\nTransfer-Encoding: chunked\r\n\r\n\
                      2\r\nok\r\n0\r\nx-sum: 42\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await;
    let gateway = gateway_to(&upstream).await;
    let request = "GET /api/orders/public/x HTTP/1.1\r\nHost: x\r\nTE: trailers\r\n\
                   Connection: close, TE\r\n\r\n";
    let answer = raw(gateway.address, request.as_bytes()).await;
    assert!(answer.contains("x-sum: 42"), "{answer}");
}

#[tokio::test]
async fn answers_to_head_have_no_body() {
    let upstream = Upstream::echo("a").await;
    let gateway = gateway_to(&upstream).await;
    for path in [
        "/api/orders/public/x",
        "/api/orders/private",
        "/health",
        "/nothing",
    ] {
        let reply = gateway.request(&Method::HEAD, path).send().await;
        assert!(reply.body.is_empty(), "{path}");
    }
}
