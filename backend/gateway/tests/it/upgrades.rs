//! Connections that become something else.

use saas_registry_client::wire::{RevokedSession, TrustEvent};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{Gateway, Upstream, claims, instance, raw, read_head, service};

/// Switches protocols and then sends back whatever comes.
async fn echo() -> Upstream {
    Upstream::bytes(|mut stream, _| async move {
        let head = read_head(&mut stream).await.to_lowercase();
        if !head.contains("upgrade: websocket") || !head.contains("connection: upgrade") {
            let _ = stream
                .write_all(b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n")
                .await;
            return;
        }
        let key = head.contains("sec-websocket-key: key");
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {key}\r\n\r\nhello"
        );
        let _ = stream.write_all(answer.as_bytes()).await;
        let (mut reader, mut writer) = stream.split();
        let _ = tokio::io::copy(&mut reader, &mut writer).await;
    })
    .await
}

fn ask(path: &str, protocol: &str, more: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\n\
         Upgrade: {protocol}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: key\r\n{more}\r\n"
    )
}

async fn opened(gateway: &Gateway, token: &str) -> TcpStream {
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let authorization = format!("Authorization: Bearer {token}\r\n");
    let request = ask("/api/orders/socket", "websocket", &authorization);
    stream.write_all(request.as_bytes()).await.unwrap();
    let head = read_head(&mut stream).await.to_lowercase();
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert!(head.contains("sec-websocket-accept: true"), "{head}");
    assert!(head.contains("connection: upgrade"), "{head}");
    let mut hello = [0; 5];
    stream.read_exact(&mut hello).await.unwrap();
    assert_eq!(&hello, b"hello");
    stream
}

#[tokio::test]
async fn a_websocket_carries_bytes_both_ways() {
    let upstream = echo().await;
    let orders = service("orders", vec![instance("a", upstream.address)]);
    let gateway = Gateway::start(vec![orders]).await;
    let stream = opened(&gateway, &gateway.token()).await;
    let (mut reader, mut writer) = stream.into_split();
    let sent: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let expected = sent.clone();
    let sending = tokio::spawn(async move {
        // Lines that look like heads are none any more.
        writer.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        writer.write_all(&sent).await.unwrap();
        writer
    });
    let mut back = vec![0; 18 + expected.len()];
    reader.read_exact(&mut back).await.unwrap();
    assert_eq!(&back[..18], b"GET / HTTP/1.1\r\n\r\n");
    assert!(back[18..] == expected);
    let mut writer = sending.await.unwrap();
    writer.shutdown().await.unwrap();
    assert_eq!(reader.read(&mut back).await.unwrap(), 0);
}

#[tokio::test]
async fn a_websocket_ends_with_its_session() {
    let upstream = echo().await;
    let orders = service("orders", vec![instance("a", upstream.address)]);
    let gateway = Gateway::start(vec![orders]).await;
    let (mine, theirs) = (claims(), claims());
    let mut closed = opened(&gateway, &gateway.token_of(&mine)).await;
    let mut open = opened(&gateway, &gateway.token_of(&theirs)).await;
    gateway
        .control
        .tell_trust(&TrustEvent::SessionRevoked(RevokedSession {
            session: mine.sid,
            until: chrono::DateTime::from_timestamp(mine.exp, 0).unwrap(),
        }));
    let mut rest = Vec::new();
    // An end or a reset: closed either way.
    let _ = closed.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
    open.write_all(b"still here").await.unwrap();
    let mut back = [0; 10];
    open.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"still here");
}

#[tokio::test]
async fn a_websocket_needs_a_token_and_other_protocols_are_not_passed_on() {
    let upstream = echo().await;
    let orders = service("orders", vec![instance("a", upstream.address)]);
    let gateway = Gateway::start(vec![orders]).await;
    let request = ask("/api/orders/socket", "websocket", "").replace("keep-alive", "close");
    let answer = raw(gateway.address, request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    for protocol in ["h2c", "websocket, h2c", "TLS/1.0"] {
        let request = ask("/api/orders/public/socket", protocol, "").replace("keep-alive", "close");
        let answer = raw(gateway.address, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 426"), "{protocol}: {answer}");
    }
}

#[tokio::test]
async fn an_upgrade_nobody_asked_for_is_an_error_of_the_service() {
    let upstream = Upstream::bytes(|mut stream, _| async move {
        read_head(&mut stream).await;
        let _ = stream
            .write_all(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
            )
            .await;
        std::future::pending::<()>().await;
    })
    .await;
    let orders = service("orders", vec![instance("a", upstream.address)]);
    let gateway = Gateway::start(vec![orders]).await;
    let reply = gateway.get("/api/orders/public/x").send().await;
    assert_eq!(
        (reply.status.as_u16(), reply.code().as_str()),
        (502, "upstream_failed")
    );
    let problem = reply.json();
    assert_eq!(problem["request_id"], reply.header("x-request-id"));
    assert_eq!(problem["instance"], "/api/orders/public/x");
}
