//! A flood of sign-ins.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use serde_json::json;
use support::{Home, Platform};
use tokio::task::JoinSet;

/// How often somebody who is signed in asks for something meanwhile.
const CALLS: usize = 100;

on_both!(a_flood_of_sign_ins_is_bounded_and_leaves_room_for_the_rest);

/// Time is measured in password hashes: whoever had to wait behind the queue of sign-ins would wait
/// for more than thirty of them at each call.
async fn a_flood_of_sign_ins_is_bounded_and_leaves_room_for_the_rest(home: Home) {
    let platform = Platform::start(home).await;
    let amy = platform.owner("amy").await;
    let done = Arc::new(AtomicBool::new(false));
    let hashed = Arc::new(AtomicUsize::new(0));
    let mut flood = JoinSet::new();
    for caller in 0..60 {
        let (api, done) = (platform.core.api.clone(), done.clone());
        let hashed = hashed.clone();
        flood.spawn(async move {
            let mut seen = Vec::new();
            let mut round = 0;
            while !done.load(Ordering::Acquire) {
                round += 1;
                let email = format!("nobody{caller}-{round}@example.com");
                let answer = api.login(&email, "a guess like any other").await;
                let refused = answer.status != 401;
                if !refused {
                    hashed.fetch_add(1, Ordering::AcqRel);
                }
                seen.push(answer);
                if refused {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
            }
            seen
        });
    }
    for _ in 0..CALLS {
        platform.get("/v1/me", amy.token()).await.expect(200);
    }
    done.store(true, Ordering::Release);
    let hashed = hashed.load(Ordering::Acquire);
    assert!(
        hashed < 5 * CALLS,
        "{CALLS} calls waited for {hashed} hashes"
    );
    let answers: Vec<_> = flood.join_all().await.into_iter().flatten().collect();
    for answer in &answers {
        match answer.status.as_u16() {
            401 => assert_eq!(answer.body["code"], "invalid_credentials"),
            429 => assert!(!answer.header("retry-after").is_empty()),
            503 => {
                assert_eq!(answer.body["code"], "sign_in_overloaded");
                assert!(!answer.header("retry-after").is_empty());
            }
            other => panic!("{other} {}", answer.body),
        }
    }
    assert!(
        answers.iter().any(|answer| answer.status == 503),
        "the queue is bounded"
    );
    platform
        .post("/v1/auth/logout", amy.token(), json!({}))
        .await
        .expect(204);
}
