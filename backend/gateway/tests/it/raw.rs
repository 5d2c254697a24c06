//! Hostile bytes.

use std::sync::Arc;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Notify,
};

use crate::support::{Gateway, Upstream, instance, raw, read_head, service};

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
async fn what_cannot_even_be_read_is_refused_in_words() {
    let (gateway, upstream) = gateway().await;
    let many = "X: y\r\n".repeat(200);
    let long = "a".repeat(70_000);
    let cases = [
        (
            "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            400,
            "exactly one Content-Length",
        ),
        (
            "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\n",
            400,
            "exactly one Content-Length",
        ),
        (
            "GET /x HTTP/1.1\r\nHost : x\r\n\r\n",
            400,
            "white space before its colon",
        ),
        (
            "GET /x HTTP/1.1\r\nHost: x\r\nnothing\r\n\r\n",
            400,
            "a colon",
        ),
        (
            "GET /x HTTP/1.1\r\nHost: x\r\nX(: y\r\n\r\n",
            400,
            "letters, digits",
        ),
        (
            "GET /x y HTTP/1.1\r\nHost: x\r\n\r\n",
            400,
            "a method, a path",
        ),
        (
            "G<T /x HTTP/1.1\r\nHost: x\r\n\r\n",
            400,
            "a method, a path",
        ),
        (
            &format!("GET /x HTTP/1.1\r\nHost: x\r\n{many}\r\n"),
            431,
            "128 headers",
        ),
        (
            &format!("GET /x HTTP/1.1\r\nHost: x\r\nX: {long}\r\n\r\n"),
            431,
            "64 KiB",
        ),
        (&format!("GET /{long} HTTP/1.1\r\n\r\n"), 431, "64 KiB"),
        (
            &format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", &long[..65_535 - 4]),
            431,
            "64 KiB",
        ),
    ];
    for (request, status, words) in cases {
        // Alone, and behind a request that is sound.
        for before in ["", "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"] {
            let answers = raw(gateway.address, format!("{before}{request}").as_bytes()).await;
            let last = answers.rfind("HTTP/1.1 ").unwrap_or(0);
            let answer = &answers[last..];
            let start = format!("HTTP/1.1 {status} ");
            assert!(answer.starts_with(&start), "{request:.80}: {answers}");
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            let head = head.to_lowercase();
            assert!(
                head.contains("content-type: application/problem+json"),
                "{head}"
            );
            assert!(head.contains("connection: close"), "{head}");
            assert!(
                head.contains(&format!("content-length: {}\r\n", body.len())),
                "{head}"
            );
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            assert!(body["detail"].as_str().unwrap().contains(words), "{body}");
            let id = body["request_id"].as_str().unwrap();
            assert!(head.contains(&format!("x-request-id: {id}")), "{head}");
            assert_eq!(
                answers.matches("HTTP/1.1 ").count(),
                1 + usize::from(!before.is_empty())
            );
        }
    }
    assert_eq!(upstream.hits(), 0);
    let metrics = gateway.get("/metrics").send().await;
    let text = String::from_utf8(metrics.body.to_vec()).unwrap();
    let counted = text.lines().find(|line| {
        line.starts_with("http_requests_total")
            && line.contains("unmatched")
            && line.contains("400")
    });
    assert!(counted.is_some_and(|line| line.ends_with(" 14")), "{text}");
}

#[tokio::test]
async fn an_answer_that_looks_like_a_refusal_is_passed_on_as_it_is() {
    const BARE: &str = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
    let next = Arc::new(Notify::new());
    let wait = Arc::clone(&next);
    let upstream = Upstream::bytes(move |mut stream, _| {
        let wait = Arc::clone(&wait);
        async move {
            loop {
                let head = read_head(&mut stream).await;
                let length = BARE.len();
                let (start, body) = match head.split(' ').nth(1) {
                    Some("/public/bare") => (BARE.to_owned(), String::new()),
                    Some("/public/sized") => {
                        (format!("Content-Length: {length}\r\n\r\n"), BARE.to_owned())
                    }
                    Some("/public/chunked") => (
                        "Transfer-Encoding: chunked\r\n\r\n".to_owned(),
                        format!("{length:x}\r\n{BARE}\r\n0\r\n\r\n"),
                    ),
                    _ => return,
                };
                let ok = if body.is_empty() {
                    ""
                } else {
                    "HTTP/1.1 200 OK\r\n"
                };
                stream
                    .write_all((ok.to_owned() + &start).as_bytes())
                    .await
                    .unwrap();
                // The body as a piece of its own, after the head has gone out.
                if !body.is_empty() {
                    wait.notified().await;
                    stream.write_all(body.as_bytes()).await.unwrap();
                }
            }
        }
    })
    .await;
    let orders = service("orders", vec![instance("a", upstream.address)]);
    let gateway = Gateway::start(vec![orders]).await;
    for (path, status, body) in [
        ("bare", 400, ""),
        ("sized", 200, BARE),
        ("chunked", 200, BARE),
    ] {
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        // Behind it one that cannot be read.
        let request =
            format!("GET /api/orders/public/{path} HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let head = read_head(&mut stream).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        next.notify_one();
        let mut rest = String::new();
        stream.read_to_string(&mut rest).await.unwrap();
        let (passed, refused) = rest.rsplit_once("HTTP/1.1 400 ").unwrap();
        assert!(passed.contains(body), "{rest}");
        assert!(refused.contains("\"malformed_request\""), "{rest}");
        assert!(!passed.contains("malformed_request"), "{rest}");
    }
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
