//! Whose tokens are believed, and for how long without word from core.

use std::sync::Arc;

use http::Method;
use http_body_util::BodyExt as _;
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use saas_registry_client::wire::{KeySet, RevokedSession, TenantTrust, TrustEvent};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, sync::Notify};

use crate::support::{Gateway, Upstream, claims, eventually, instance, read_head, service};

async fn gateway() -> (Gateway, Upstream) {
    let upstream = Upstream::echo("a").await;
    let orders = service("orders", vec![instance("a", upstream.address)]);
    (Gateway::start(vec![orders]).await, upstream)
}

#[tokio::test]
async fn a_session_that_ends_ends_everywhere() {
    let (gateway, _upstream) = gateway().await;
    let claims = claims();
    let token = gateway.token_of(&claims);
    let ask = || gateway.get("/api/orders/x").bearer(&token).send();
    assert_eq!(ask().await.status, 200);
    gateway
        .control
        .tell_trust(&TrustEvent::SessionRevoked(RevokedSession {
            session: claims.sid,
            until: chrono::DateTime::from_timestamp(claims.exp, 0).unwrap(),
        }));
    eventually("the revocation", || async { ask().await.status == 401 }).await;
    let reply = ask().await;
    assert_eq!(reply.code(), "session_ended");
    assert!(reply.header("www-authenticate").starts_with("Bearer"));
}

#[tokio::test]
async fn a_stream_ends_with_its_session() {
    let upstream = Upstream::bytes(|mut stream, _| async move {
        read_head(&mut stream).await;
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
                    Transfer-Encoding: chunked\r\n\r\n9\r\ndata: 0\n\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    let orders = service("orders", vec![instance("a", upstream.address)]);
    let gateway = Gateway::start(vec![orders]).await;
    let claims = claims();
    let stream = TcpStream::connect(gateway.address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("/api/orders/events")
        .header("host", "x")
        .header(
            "authorization",
            format!("Bearer {}", gateway.token_of(&claims)),
        )
        .body(http_body_util::Empty::<Bytes>::new())
        .unwrap();
    let mut body = sender.send_request(request).await.unwrap().into_body();
    assert!(body.frame().await.unwrap().is_ok());
    gateway
        .control
        .tell_trust(&TrustEvent::SessionRevoked(RevokedSession {
            session: claims.sid,
            until: chrono::DateTime::from_timestamp(claims.exp, 0).unwrap(),
        }));
    assert!(body.frame().await.unwrap().is_err());
}

#[tokio::test]
async fn a_request_that_ends_its_own_session_is_answered() {
    let (arrived, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&arrived), Arc::clone(&go));
    let upstream = Upstream::bytes(move |mut stream, _| {
        let (tell, wait) = (Arc::clone(&tell), Arc::clone(&wait));
        async move {
            if read_head(&mut stream).await.starts_with("POST ") {
                tell.notify_one();
                wait.notified().await;
            }
            let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
            stream.write_all(answer).await.unwrap();
        }
    })
    .await;
    let orders = service("orders", vec![instance("a", upstream.address)]);
    let gateway = Gateway::start(vec![orders]).await;
    let claims = claims();
    let token = gateway.token_of(&claims);
    let logout = gateway
        .request(&Method::POST, "/api/orders/logout")
        .bearer(&token)
        .send();
    let logout = tokio::spawn(logout);
    arrived.notified().await;
    gateway
        .control
        .tell_trust(&TrustEvent::SessionRevoked(RevokedSession {
            session: claims.sid,
            until: chrono::DateTime::from_timestamp(claims.exp, 0).unwrap(),
        }));
    // Every thread has heard of it: connections fall on all of them.
    for _ in 0..50 {
        let ask = || gateway.get("/api/orders/x").bearer(&token).send();
        eventually("the revocation", || async { ask().await.status == 401 }).await;
    }
    go.notify_one();
    let reply = logout.await.unwrap();
    assert_eq!(reply.status, 204, "{reply:?}");
}

#[tokio::test]
async fn a_suspended_tenant_is_refused_until_it_is_active_again() {
    let (gateway, _upstream) = gateway().await;
    let claims = claims();
    let token = gateway.token_of(&claims);
    let ask = || gateway.get("/api/orders/x").bearer(&token).send();
    for (is_suspended, status) in [(true, 403), (false, 200)] {
        gateway.control.tell_trust(&TrustEvent::Tenant(TenantTrust {
            tenant: claims.tid.unwrap(),
            is_suspended,
            rate_limit: None,
        }));
        eventually("the change", || async { ask().await.status == status }).await;
    }
}

#[tokio::test]
async fn a_key_that_is_taken_back_takes_its_tokens_with_it() {
    let (gateway, _upstream) = gateway().await;
    let token = gateway.token();
    let ask = || gateway.get("/api/orders/x").bearer(&token).send();
    assert_eq!(ask().await.status, 200);
    gateway
        .control
        .tell_trust(&TrustEvent::Keys(KeySet::default()));
    eventually("the key's end", || async {
        ask().await.code() == "token_invalid"
    })
    .await;
}

#[tokio::test]
async fn a_silence_that_is_soon_over_costs_no_request() {
    let (gateway, _upstream) = gateway().await;
    let token = gateway.token();
    let core = || gateway.get("/api/core/v1/me").bearer(&token).send();
    gateway.control.beat(false);
    eventually("the silence", || async {
        let metrics = gateway.get("/metrics").send().await;
        let text = String::from_utf8(metrics.body.to_vec()).unwrap();
        let ages = text.lines().filter_map(|line| {
            let age = line.strip_prefix("gateway_trust_age_seconds ")?;
            age.parse::<f64>().ok()
        });
        // Infinite until the first word.
        let age = ages.fold(0.0, f64::max);
        age.is_finite() && age > 1.0
    })
    .await;
    let beat_later = async {
        for _ in 0..20 {
            gateway.get("/health/live").send().await;
        }
        gateway.control.beat(true);
    };
    let (reply, ()) = tokio::join!(core(), beat_later);
    assert_eq!(reply.status, 200, "{reply:?}");
}

#[tokio::test]
async fn silence_closes_what_must_be_certain_and_nothing_else() {
    let (gateway, _upstream) = gateway().await;
    let token = gateway.token();
    let core = || gateway.get("/api/core/v1/me").bearer(&token).send();
    let registry = || {
        gateway
            .get("/api/registry/v1/services")
            .bearer(&token)
            .send()
    };
    let orders = || gateway.get("/api/orders/x").bearer(&token).send();
    gateway.control.beat(false);
    eventually("staleness", || async { core().await.status == 503 }).await;
    assert_eq!(core().await.code(), "trust_stale");
    assert_eq!(registry().await.status, 503);
    assert_eq!(orders().await.status, 200);
    assert_eq!(gateway.get("/health/ready").send().await.status, 200);
    gateway.control.beat(true);
    eventually("freshness", || async { core().await.status == 200 }).await;
}

#[tokio::test]
async fn a_gateway_starts_from_its_last_good_copy_while_everything_else_is_down() {
    let (mut gateway, upstream) = gateway().await;
    let token = gateway.token();
    let files = ["routing.last-good", "trust.last-good"].map(|name| gateway.dir().join(name));
    eventually("the copies", || async {
        files.iter().all(|file| file.exists())
    })
    .await;
    gateway.restart_alone().await;
    let reply = gateway.get("/api/orders/x").bearer(&token).send().await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(upstream.hits(), 1);
    assert_eq!(gateway.get("/health/ready").send().await.status, 200);
    let core = gateway.get("/api/core/v1/me").bearer(&token).send().await;
    assert_eq!(core.code(), "trust_stale");

    // Under another issuer its tokens are nobody's, so the copy is none either.
    for (public_url, status) in [("http://test", 200), ("http://elsewhere", 503)] {
        gateway.restart_alone_at(Some(public_url)).await;
        let ready = gateway.get("/health/ready").send().await;
        assert_eq!(ready.status, status, "{public_url}: {ready:?}");
    }

    // A copy that somebody altered is none, and without one nothing is known.
    for file in &files {
        let mut bytes = std::fs::read(file).unwrap();
        let last = bytes.len() - 2;
        bytes[last] ^= 1;
        std::fs::write(file, bytes).unwrap();
    }
    gateway.restart_alone().await;
    assert_eq!(gateway.get("/health/ready").send().await.status, 503);
    assert_eq!(gateway.get("/health").send().await.status, 200);
    assert_eq!(
        gateway
            .get("/api/orders/x")
            .bearer(&token)
            .send()
            .await
            .status,
        404
    );
}
