//! A lost password: what `saas user reset-password` does, by the core that runs and beside it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use saas_core::ResetError;
use saas_domain::Random;
use saas_security::InternalRole;
use saas_storage::{Database, DatabaseSettings};
use serde_json::{Value, json};
use support::{ADMIN, Answer, Home, PASSWORD, Platform};

on_both!(
    the_running_core_gives_a_one_time_password,
    the_database_alone_gives_one_and_the_running_core_hears_of_it,
    only_the_machines_operator_may,
);

const PATH: &str = "/internal/v1/users/reset-password";

/// Whoever has the password is in, and can do nothing but choose another.
async fn is_one_time(platform: &Platform, password: &str) {
    // What was issued within the millisecond of the reset is refused too.
    platform.clock.advance(chrono::Duration::milliseconds(2));
    let login = platform.login("amy@example.com", password).await;
    let login = login.expect(200);
    assert_eq!(login.body["user"]["must_change_password"], true);
    let barred = platform.get("/v1/members", login.token()).await;
    barred.problem(403, "password_change_required");
}

async fn is_out(platform: &Platform, amy: &Answer) {
    let refused = platform.refresh(amy.text("refresh_token")).await;
    refused.expect(401);
    let old = platform.login("amy@example.com", PASSWORD).await;
    old.problem(401, "invalid_credentials");
}

/// What the platform's log says of it.
async fn entry(platform: &Platform, operator: &str) -> Value {
    let path = "/v1/audit-events?action=user.password_reset";
    let log = platform.get(path, operator).await.expect(200);
    log.body["items"][0].clone()
}

fn told(entry: &Value, amy: &Answer) {
    assert_eq!(entry["target_id"], amy.body["user"]["id"]);
    assert_eq!(entry["actor_id"], Value::Null);
    assert_eq!(entry["detail"], json!({"by": "saas user reset-password"}));
}

async fn the_running_core_gives_a_one_time_password(home: Home) {
    let platform = Platform::start(home).await;
    let operator = platform.operator().await;
    let amy = platform.owner("amy").await;
    let machine = platform.internal(InternalRole::Operator);
    let body = json!({"email": "Amy@Example.com"});
    let reset = platform.post(PATH, &machine, body).await.expect(200);
    let ended = platform.get("/v1/me", amy.token()).await;
    ended.problem(401, "session_ended");
    is_out(&platform, &amy).await;
    is_one_time(&platform, reset.text("one_time_password")).await;
    told(&entry(&platform, &operator).await, &amy);
}

async fn the_database_alone_gives_one_and_the_running_core_hears_of_it(home: Home) {
    let platform = Platform::start(home).await;
    let operator = platform.operator().await;
    let amy = platform.owner("amy").await;
    let settings = DatabaseSettings {
        url: platform.home.url(),
        min_connections: 0,
        max_connections: 2,
    };
    let beside = Database::open(settings, platform.clock.clone(), Random::os());
    let beside = beside.await.unwrap();
    let lifetime = Duration::from_mins(30);
    let email = "amy@example.com".parse().unwrap();
    let reset = saas_core::reset_password(&beside, lifetime, &email).await;
    // Cores and gateways alike hear of an ended session by the change log, in their own time.
    loop {
        let answer = platform.get("/v1/me", amy.token()).await;
        if answer.status != 200 {
            answer.problem(401, "session_ended");
            break;
        }
    }
    is_out(&platform, &amy).await;
    is_one_time(&platform, &reset.unwrap()).await;
    told(&entry(&platform, &operator).await, &amy);
    let nobody = "nobody@example.com".parse().unwrap();
    let refused = saas_core::reset_password(&beside, lifetime, &nobody).await;
    assert!(matches!(refused, Err(ResetError::Nobody(address)) if address == nobody));
}

async fn only_the_machines_operator_may(home: Home) {
    let platform = Platform::start(home).await;
    let operator = platform.operator().await;
    let body = json!({"email": ADMIN});
    for role in [
        InternalRole::Gateway,
        InternalRole::Core,
        InternalRole::Registry,
    ] {
        let token = platform.internal(role);
        let refused = platform.post(PATH, &token, body.clone()).await;
        refused.problem(403, "internal_role");
    }
    for token in ["", &operator] {
        let refused = platform.post(PATH, token, body.clone()).await;
        refused.problem(401, "internal_token_required");
    }
    let machine = platform.internal(InternalRole::Operator);
    let nobody = json!({"email": "nobody@example.com"});
    let unknown = platform.post(PATH, &machine, nobody).await;
    let unknown = unknown.problem(404, "not_found");
    assert!(unknown.text("detail").contains("nobody@example.com"));
    for body in [
        json!({}),
        json!({"email": "no address"}),
        json!({"email": ADMIN, "password": "x"}),
    ] {
        let refused = platform.post(PATH, &machine, body).await;
        refused.problem(422, "invalid_body");
    }
    platform.login(ADMIN, PASSWORD).await.expect(200);
}
