//! `SECRET_KEY` rotated while people are signed in.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use saas_security::RootSecret;
use support::{Core, Home, PASSWORD, Platform, Wishes};

on_both!(a_second_rotation_needs_nothing_of_the_first_secret);

async fn a_second_rotation_needs_nothing_of_the_first_secret(home: Home) {
    let platform = Platform::start(home).await;
    let amy = platform.owner("amy").await;
    let start = async |current: u8, previous: Option<u8>| -> Core {
        let previous = previous.map(|byte| [byte; 32]);
        let root = RootSecret::new(&[current; 32], previous.as_ref().map(<[u8; 32]>::as_slice));
        support::run(&platform.home, &platform.clock, &root, Wishes::default()).await
    };
    // `support::root` is of sevens. Of two that start at once, one seals the keys anew.
    let (one, other) = tokio::join!(start(8, Some(7)), start(8, Some(7)));
    one.api.get("/v1/me", amy.token()).await.expect(200);
    other.api.get("/v1/me", amy.token()).await.expect(200);
    let second = start(9, Some(8)).await;
    second.api.get("/v1/me", amy.token()).await.expect(200);
    let alone = start(9, None).await;
    alone.api.get("/v1/me", amy.token()).await.expect(200);
    let again = alone.api.login("amy@example.com", PASSWORD).await;
    let again = again.expect(200);
    // Every core, the first too, knows the key that signed: it is still the same.
    platform.get("/v1/me", again.token()).await.expect(200);
    let refreshed = alone.api.refresh(amy.text("refresh_token")).await;
    let refreshed = refreshed.expect(200);
    platform.get("/v1/me", refreshed.token()).await.expect(200);
}
