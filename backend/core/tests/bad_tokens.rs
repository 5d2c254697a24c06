//! Tokens that must not be believed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use hyper::Method;
use ring::hmac;
use saas_domain::{AccessClaims, Random};
use saas_security::{InternalRole, SigningKey, sign_access};
use serde_json::{Value, json};
use support::{Answer, Home, Platform};

on_both!(
    forged_and_foreign_tokens_open_nothing,
    internal_and_peoples_tokens_stay_apart
);

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&B64.decode(part).unwrap()).unwrap()
}

fn hs256(head: &Value, body: &Value, key: &[u8]) -> String {
    let message = format!(
        "{}.{}",
        B64.encode(head.to_string()),
        B64.encode(body.to_string())
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let tag = hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", B64.encode(tag))
}

async fn forged_and_foreign_tokens_open_nothing(home: Home) {
    let platform = Platform::start(home).await;
    let amy = platform.owner("amy").await;
    let token = amy.token();
    let (head, body) = (part(token, 0), part(token, 1));
    assert_eq!(
        (&head["alg"], &head["typ"]),
        (&json!("EdDSA"), &json!("at+jwt"))
    );
    let keys = platform.get("/.well-known/jwks.json", "").await.expect(200);
    let public = keys.text("keys/0/x");
    assert_eq!(head["kid"], keys.text("keys/0/kid"));

    let mut bad = vec![
        "x".to_owned(),
        "a.b.c".to_owned(),
        format!("{token}x"),
        token.rsplit_once('.').unwrap().0.to_owned() + ".",
        "x".repeat(9000),
    ];
    let none = json!({"alg": "none", "typ": "at+jwt", "kid": head["kid"]});
    bad.push(format!(
        "{}.{}.",
        B64.encode(none.to_string()),
        B64.encode(body.to_string())
    ));
    let hs = json!({"alg": "HS256", "typ": "at+jwt", "kid": head["kid"]});
    bad.push(hs256(&hs, &body, public.as_bytes()));
    bad.push(hs256(&hs, &body, &B64.decode(public).unwrap()));
    let stranger = SigningKey::generate(&Random::os()).unwrap();
    let claims: AccessClaims = serde_json::from_value(body.clone()).unwrap();
    bad.push(sign_access(&claims, &stranger).unwrap());
    let mut operator = body.clone();
    operator["roles"] = json!(["operator"]);
    let signature = token.rsplit_once('.').unwrap().1;
    let start = token.split_once('.').unwrap().0;
    bad.push(format!(
        "{start}.{}.{signature}",
        B64.encode(operator.to_string())
    ));
    for token in bad {
        let refused = platform
            .get("/v1/me", &token)
            .await
            .problem(401, "token_invalid");
        assert!(refused.header("www-authenticate").starts_with("Bearer"));
    }
    platform
        .get("/v1/me", "")
        .await
        .problem(401, "token_required");
    for header in ["Basic YTpi", "Bearer", "bearer  ", "Token x"] {
        let headers = [("authorization", header)];
        let refused = platform
            .call(Method::GET, "/v1/me", "", &headers, None)
            .await;
        refused.expect(401);
    }
    platform.get("/v1/me", token).await.expect(200);
    // The same key and person, but another issuer or audience: another core signs such tokens.
    let other = support::run_as("https://other.example", &platform).await;
    other
        .api
        .get("/v1/me", token)
        .await
        .problem(401, "token_invalid");
}

async fn internal_and_peoples_tokens_stay_apart(home: Home) {
    let platform = Platform::start(home).await;
    let operator = platform.operator().await;
    let gateway = platform.internal(InternalRole::Gateway);
    platform
        .get("/v1/me", &gateway)
        .await
        .problem(401, "token_invalid");
    let refused = platform.get("/internal/v1/stream", &operator).await;
    refused.problem(401, "internal_token_required");
    platform
        .get("/internal/v1/stream", "")
        .await
        .problem(401, "internal_token_required");
    let report = json!({"incarnation": uuid::Uuid::nil(), "number": 1, "windows": []});
    let registry = platform.internal(InternalRole::Registry);
    let refused: Answer = platform
        .post("/internal/v1/traffic", &registry, report.clone())
        .await;
    refused.problem(403, "internal_role");
    platform
        .post("/internal/v1/traffic", &gateway, report.clone())
        .await
        .expect(204);
    platform.clock.advance(chrono::Duration::seconds(61));
    let late = platform
        .post("/internal/v1/traffic", &gateway, report)
        .await;
    late.problem(401, "internal_token_required");
}
