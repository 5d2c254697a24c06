//! `Idempotency-Key` on whatever creates.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use hyper::Method;
use serde_json::{Value, json};
use support::{Answer, Api, Home, PASSWORD, Platform};

on_both!(
    a_repeated_creation_creates_once_and_answers_alike,
    creations_at_the_same_time_create_once,
    keys_of_different_callers_never_meet,
);

async fn create(api: &Api, path: &str, token: &str, key: &str, body: Value) -> Answer {
    let headers = [("idempotency-key", key)];
    api.call(Method::POST, path, token, &headers, Some(body))
        .await
}

async fn a_repeated_creation_creates_once_and_answers_alike(home: Home) {
    let platform = Platform::start(home).await;
    let api = &platform.core.api;
    let operator = platform.operator().await;
    let amy = platform.owner("amy").await;
    let sign_up = json!({
        "email": "ben@example.com", "password": PASSWORD, "name": "Ben", "tenant_name": "Ben Ltd",
    });
    let cases = [
        (
            "/v1/tenants",
            operator.as_str(),
            json!({"name": "Acme", "owner_email": "x@example.com"}),
        ),
        (
            "/v1/members",
            amy.token(),
            json!({"email": "bob@example.com", "role": "member"}),
        ),
        ("/v1/auth/signup", "", sign_up),
    ];
    for (path, token, body) in cases {
        let first = create(api, path, token, "key-1", body.clone())
            .await
            .expect(201);
        let again = create(api, path, token, "key-1", body.clone())
            .await
            .expect(201);
        assert_eq!(first.body, again.body, "one-time passwords included");
        assert_eq!(first.header("location"), again.header("location"));
        assert_eq!(first.header("etag"), again.header("etag"));
        assert_eq!(
            (
                first.header("idempotency-replayed"),
                again.header("idempotency-replayed")
            ),
            ("", "true")
        );
        let mut other = body.clone();
        other["name"] = json!("Something else");
        let clash = create(api, path, token, "key-1", other).await;
        clash.problem(422, "idempotency_key_reused");
        for bad in ["", "a b", &"k".repeat(256)] {
            let refused = create(api, path, token, bad, body.clone()).await;
            refused.problem(400, "invalid_idempotency_key");
        }
    }
    let all = platform
        .get("/v1/tenants?q=acme", &operator)
        .await
        .expect(200);
    assert_eq!(all.body["items"].as_array().unwrap().len(), 1);
    // A refusal is not kept: the same key may try again.
    let body = json!({"name": "Zed", "slug": "amy-ltd"});
    create(api, "/v1/tenants", &operator, "key-2", body)
        .await
        .problem(409, "slug_taken");
    let body = json!({"name": "Zed", "slug": "zed"});
    create(api, "/v1/tenants", &operator, "key-2", body)
        .await
        .expect(201);
}

async fn creations_at_the_same_time_create_once(home: Home) {
    let platform = Platform::start(home).await;
    let operator = platform.operator().await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (api, operator) = (platform.core.api.clone(), operator.clone());
        calls.spawn(async move {
            let body = json!({"name": "Acme", "slug": "acme"});
            create(&api, "/v1/tenants", &operator, "key-1", body).await
        });
    }
    let answers = calls.join_all().await;
    let first = answers[0].clone().expect(201);
    for answer in answers {
        assert_eq!(answer.expect(201).body, first.body);
    }
}

async fn keys_of_different_callers_never_meet(home: Home) {
    let platform = Platform::start(home).await;
    let api = &platform.core.api;
    let (amy, ben) = (platform.owner("amy").await, platform.owner("ben").await);
    let body = json!({"email": "cat@example.com", "role": "member"});
    let hers = create(api, "/v1/members", amy.token(), "same", body.clone())
        .await
        .expect(201);
    let his = create(api, "/v1/members", ben.token(), "same", body)
        .await
        .expect(201);
    assert!(his.body["member"].is_null() && hers.body["invitation"].is_null());
    assert_eq!(his.text("invitation/email"), hers.text("member/email"));
}
