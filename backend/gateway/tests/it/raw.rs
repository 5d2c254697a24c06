//! Hostile bytes.

use crate::support::{Gateway, Upstream, instance, raw, service};

async fn gateway() -> (Gateway, Upstream) {
    let upstream = Upstream::echo("a").await;
    let orders = service("orders", vec![instance("a", upstream.address)]);
    (Gateway::start(vec![orders]).await, upstream)
}

#[tokio::test]
async fn messages_with_two_lengths_are_refused_and_the_connection_is_closed() {
    let (gateway, upstream) = gateway().await;
    let smuggled = "GET /api/orders/public/smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    for lines in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 5\r\nX: y\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
    ] {
        let request = format!(
            "POST /api/orders/public/x HTTP/1.1\r\nHost: x\r\n{lines}\r\n0\r\n\r\n{smuggled}"
        );
        let answer = raw(gateway.address, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{lines:?}: {answer}");
        assert_eq!(
            answer.matches("HTTP/1.1 ").count(),
            1,
            "{lines:?}: {answer}"
        );
    }
    assert_eq!(upstream.hits(), 0);
}

#[tokio::test]
async fn the_refusal_says_what_is_wrong() {
    let (gateway, _upstream) = gateway().await;
    let request = "POST /api/orders/public/x HTTP/1.1\r\nHost: x\r\n\
                   Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n";
    let answer = raw(gateway.address, request.as_bytes()).await;
    assert!(answer.contains("application/problem+json"), "{answer}");
    assert!(
        answer.contains("\"code\":\"malformed_request\""),
        "{answer}"
    );
    assert!(
        answer.to_lowercase().contains("connection: close"),
        "{answer}"
    );
}

#[tokio::test]
async fn hosts_targets_and_paths_are_checked() {
    let (gateway, upstream) = gateway().await;
    for (request, status) in [
        ("GET /health HTTP/1.1\r\n\r\n", "400"),
        ("GET /health HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400"),
        ("GET http://b/health HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET /a/../health HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        (
            "GET /api/orders/public/..%2finternal HTTP/1.1\r\nHost: a\r\n\r\n",
            "400",
        ),
        ("GET /health\nHTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET /health HTTP/1.1\nHost: a\n\n", "400"),
        ("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", "4"),
        ("TRACE /health HTTP/1.1\r\nHost: a\r\n\r\n", "405"),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET /health HTTP/3.7\r\nHost: a\r\n\r\n", "400"),
        ("\x16\x03\x01\x02\r\n\r\n", "400"),
    ] {
        let closing =
            request.replacen("Host: a\r\n\r\n", "Host: a\r\nConnection: close\r\n\r\n", 1);
        let answer = raw(gateway.address, closing.as_bytes()).await;
        let expected = format!("HTTP/1.1 {status}");
        assert!(answer.starts_with(&expected), "{request:?}: {answer}");
    }
    assert_eq!(upstream.hits(), 0);
}

#[tokio::test]
async fn oversized_heads_are_refused() {
    let (gateway, _upstream) = gateway().await;
    let long = format!(
        "GET /health HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
        "a".repeat(100 * 1024)
    );
    let answer = raw(gateway.address, long.as_bytes()).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer:.60}"
    );
    let many = format!(
        "GET /health HTTP/1.1\r\nHost: a\r\n{}\r\n",
        "X: y\r\n".repeat(1000)
    );
    let answer = raw(gateway.address, many.as_bytes()).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer:.60}"
    );
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let (gateway, upstream) = gateway().await;
    let requests = "POST /api/orders/public/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nGET\
                    POST /api/orders/public/2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
                    4\r\nGET \r\n0\r\n\r\n\
                    GET /api/orders/public/3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answer = raw(gateway.address, requests.as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 3, "{answer}");
    let place = |path: &str| answer.find(path).unwrap();
    assert!(place("/public/1") < place("/public/2") && place("/public/2") < place("/public/3"));
    assert_eq!(upstream.hits(), 3);
}
