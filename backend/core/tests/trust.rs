//! The trust stream, and what one core learns from another.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use http_body_util::BodyExt as _;
use hyper::{Method, body::Incoming};
use saas_registry_client::{Frame, FrameDecoder};
use saas_security::{InternalRole, RootSecret};
use saas_storage::ChangeStream;
use serde_json::{Value, json};
use support::{Api, Home, Platform, Wishes};

/// How long an event may take that comes at once.
const PATIENCE: std::time::Duration = std::time::Duration::from_mins(1);

on_both!(
    a_reader_gets_a_snapshot_and_then_every_change,
    a_reader_that_comes_back_gets_what_it_missed,
    a_revocation_reaches_the_other_core,
    a_core_that_lacks_the_new_secret_still_follows_and_signs,
);

/// An open stream.
struct Stream {
    body: Incoming,
    decoder: FrameDecoder,
}

impl Stream {
    async fn open(api: &Api, token: &str, last: Option<&str>) -> Self {
        let headers: Vec<_> = last
            .map(|last| ("last-event-id", last))
            .into_iter()
            .collect();
        let response = api
            .open(Method::GET, "/internal/v1/stream", token, &headers, None)
            .await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            body: response.into_body(),
            decoder: FrameDecoder::default(),
        }
    }

    /// The next frame, beats included.
    async fn frame(&mut self) -> Frame {
        loop {
            if let Some(frame) = self.decoder.next_frame() {
                return frame;
            }
            let chunk = self.body.frame().await.unwrap().unwrap();
            let bytes = chunk.into_data().unwrap();
            self.decoder.push(&bytes).unwrap();
        }
    }

    /// The next event that is not a beat: its name, identifier and data.
    async fn event(&mut self) -> (String, String, Value) {
        loop {
            let frame = self.frame().await;
            if frame.event != "beat" {
                let data = serde_json::from_str(&frame.data).unwrap();
                return (frame.event, frame.id.unwrap(), data);
            }
        }
    }
}

async fn a_reader_gets_a_snapshot_and_then_every_change(home: Home) {
    let platform = Platform::start(home).await;
    let operator = platform.operator().await;
    let amy = platform.owner("amy").await;
    let gateway = platform.internal(InternalRole::Gateway);
    let mut stream = Stream::open(&platform.core.api, &gateway, None).await;
    let (name, _, snapshot) = stream.event().await;
    assert_eq!(name, "snapshot");
    assert_eq!(snapshot["issuer"], support::CONSOLE);
    assert_eq!(snapshot["keys"]["keys"].as_array().unwrap().len(), 1);
    assert_eq!(snapshot["tenants"], json!([]));
    assert_eq!(stream.frame().await.event, "beat");

    let suspend = format!("/v1/tenants/{}/suspend", amy.text("tenant/id"));
    platform
        .post(&suspend, &operator, json!({}))
        .await
        .expect(200);
    let (name, _, tenant) = stream.event().await;
    assert_eq!(
        (name.as_str(), &tenant["is_suspended"]),
        ("tenant", &json!(true))
    );
    let disable = format!("/v1/users/{}/disable", amy.text("user/id"));
    platform
        .post(&disable, &operator, json!({}))
        .await
        .expect(200);
    let (name, _, stale) = stream.event().await;
    assert_eq!(
        (name.as_str(), &stale["user"]),
        ("tokens_stale", &amy.body["user"]["id"])
    );
    let (name, last, session) = stream.event().await;
    assert_eq!(name, "session_revoked");
    // All of it is in the snapshot for whoever comes now.
    let mut late = Stream::open(&platform.core.api, &gateway, None).await;
    let (_, _, snapshot) = late.event().await;
    assert_eq!(snapshot["tenants"], json!([tenant]));
    assert_eq!(snapshot["stale_tokens"], json!([stale]));
    let revoked = snapshot["revoked_sessions"].as_array().unwrap();
    assert!(revoked.contains(&session), "{revoked:?}");
    assert!(!last.is_empty());
}

async fn a_reader_that_comes_back_gets_what_it_missed(home: Home) {
    let platform = Platform::start(home).await;
    let operator = platform.operator().await;
    let amy = platform.owner("amy").await;
    let gateway = platform.internal(InternalRole::Gateway);
    let mut stream = Stream::open(&platform.core.api, &gateway, None).await;
    let (_, seen, _) = stream.event().await;
    drop(stream);
    let path = format!("/v1/tenants/{}", amy.text("tenant/id"));
    platform
        .post(&format!("{path}/suspend"), &operator, json!({}))
        .await
        .expect(200);
    platform
        .post(&format!("{path}/activate"), &operator, json!({}))
        .await
        .expect(200);
    let mut stream = Stream::open(&platform.core.api, &gateway, Some(&seen)).await;
    let (first, _, _) = stream.event().await;
    let (second, now, tenant) = stream.event().await;
    assert_eq!((first.as_str(), second.as_str()), ("tenant", "tenant"));
    assert_eq!(tenant["is_suspended"], false);
    // Whoever missed nothing gets nothing but beats.
    let mut stream = Stream::open(&platform.core.api, &gateway, Some(&now)).await;
    assert_eq!(stream.frame().await.event, "beat");
    // Another epoch's identifier, and one that is none, mean nothing here.
    for odd in ["1-1", "x"] {
        let mut stream = Stream::open(&platform.core.api, &gateway, Some(odd)).await;
        assert_eq!(stream.event().await.0, "snapshot");
    }
    // Another core did not see those changes happen, and sends everything.
    let other = platform.another().await;
    let mut stream = Stream::open(&other.api, &gateway, Some(&seen)).await;
    assert_eq!(stream.event().await.0, "snapshot");
}

async fn a_revocation_reaches_the_other_core(home: Home) {
    let platform = Platform::start(home).await;
    let other = platform.another().await;
    let amy = platform.owner("amy").await;
    let gateway = platform.internal(InternalRole::Gateway);
    let mut stream = Stream::open(&other.api, &gateway, None).await;
    stream.event().await;
    other.api.get("/v1/me", amy.token()).await.expect(200);
    platform
        .post("/v1/auth/logout", amy.token(), json!({}))
        .await
        .expect(204);
    let (name, _, _) = stream.event().await;
    assert_eq!(name, "session_revoked");
    other
        .api
        .get("/v1/me", amy.token())
        .await
        .problem(401, "session_ended");
    other
        .api
        .refresh(amy.text("refresh_token"))
        .await
        .problem(401, "session_ended");
}

/// As in the middle of a rotation, before every process was started anew.
async fn a_core_that_lacks_the_new_secret_still_follows_and_signs(home: Home) {
    let platform = Platform::start(home).await;
    let amy = platform.owner("amy").await;
    let gateway = platform.internal(InternalRole::Gateway);
    let mut stream = Stream::open(&platform.core.api, &gateway, None).await;
    stream.event().await;
    let rotated = RootSecret::new(&[8; 32], Some(&[7; 32]));
    let rotated = support::run(&platform.home, &platform.clock, &rotated, Wishes::default()).await;
    // The keys are read anew, their rows being sealed under a secret that the first core has not.
    let tx = rotated.db.system("test.keys").await.unwrap();
    tx.commit_with_changes(ChangeStream::Trust, &["keys".to_owned()])
        .await
        .unwrap();
    let followed = tokio::time::timeout(PATIENCE, stream.event()).await;
    let Ok((name, _, _)) = followed else {
        panic!("the first core does not follow any more");
    };
    assert_eq!(name, "keys");
    let login = platform.login("amy@example.com", support::PASSWORD).await;
    let login = login.expect(200);
    rotated.api.get("/v1/me", login.token()).await.expect(200);
    rotated.api.get("/v1/me", amy.token()).await.expect(200);
}
