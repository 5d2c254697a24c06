//! The whole platform in one process: a person, a business service, the gateway between them.
#![cfg(test)]

mod support;

use axum::{Json, Router, http::HeaderMap};
use chrono::Duration;
use serde_json::{Value, json};
use support::{Answer, Home, TestPlatform};

on_both!(
    a_service_is_reached_until_the_person_signs_out,
    time_ends_tokens_and_sessions,
);

async fn signed_up(platform: &TestPlatform) -> Answer {
    let auth = format!("{}/api/core/v1/auth", platform.gateway);
    let person = json!({
        "email": "amy@example.com", "password": "correct horse battery",
        "name": "Amy", "tenant_name": "Amy Ltd",
    });
    let made = platform.post(&format!("{auth}/signup"), "", &person).await;
    made.expect(201);
    let person = json!({"email": "amy@example.com", "password": "correct horse battery"});
    let login = platform.post(&format!("{auth}/login"), "", &person).await;
    login.expect(200)
}

/// A business service that tells what it was told, registered as a developer would.
async fn orders(platform: &TestPlatform) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let told = async |headers: HeaderMap| {
        let tell = |name: &str| {
            headers
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        Json(json!({"tenant": tell("x-tenant-id"), "token": tell("authorization")}))
    };
    let app = Router::new().fallback(told);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let instance = json!({"address": "127.0.0.1", "port": port, "lease_seconds": 600});
    let url = format!("{}/v1/services/orders/instances", platform.registry);
    platform.post(&url, "", &instance).await.expect(201);
}

async fn a_service_is_reached_until_the_person_signs_out(home: Home) {
    let platform = TestPlatform::start(home).await;
    let amy = signed_up(&platform).await;
    let token = amy.text("access_token");
    orders(&platform).await;
    let url = format!("{}/api/orders/v1/orders", platform.gateway);
    let told = loop {
        // The gateway learns of the registration by its stream, in its own time.
        let answer = platform.get(&url, token).await;
        if answer.status != 404 {
            break answer.expect(200);
        }
    };
    assert_eq!(
        told.body,
        json!({"tenant": amy.body["tenant"]["id"], "token": null})
    );
    platform.get(&url, "").await.problem(401, "token_required");

    // At core itself: what is tested is that the gateway learns of it.
    let logout = format!("{}/v1/auth/logout", platform.core);
    platform
        .post(&logout, token, &Value::Null)
        .await
        .expect(204);
    loop {
        let answer = platform.get(&url, token).await;
        if answer.status != 200 {
            answer.problem(401, "session_ended");
            break;
        }
    }
    platform.stop().await;
}

async fn time_ends_tokens_and_sessions(home: Home) {
    let platform = TestPlatform::start(home).await;
    let amy = signed_up(&platform).await;
    let me = format!("{}/api/core/v1/me", platform.gateway);
    platform
        .get(&me, amy.text("access_token"))
        .await
        .expect(200);

    platform.clock.advance(Duration::minutes(31));
    platform
        .get(&me, amy.text("access_token"))
        .await
        .problem(401, "token_expired");
    // At core itself: its lease has ended as well, by the same clock, and is not what is tested.
    let refresh = format!("{}/v1/auth/refresh", platform.core);
    let old = json!({"refresh_token": amy.text("refresh_token")});
    let fresh = platform.post(&refresh, "", &old).await.expect(200);

    platform.clock.advance(Duration::days(8));
    platform
        .get(&me, fresh.text("access_token"))
        .await
        .problem(401, "token_expired");
    let late = json!({"refresh_token": fresh.text("refresh_token")});
    let refused = platform.post(&refresh, "", &late).await;
    refused.problem(401, "refresh_token_invalid");
    platform.stop().await;
}
