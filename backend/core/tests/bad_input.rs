//! Whatever comes in, the answer is a problem that says what to do, and never a 500.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use hyper::Method;
use serde_json::{Value, json};
use support::{Home, PASSWORD, Platform};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

on_both!(
    bodies_that_are_not_what_they_should_be,
    text_that_no_database_takes,
    paths_methods_and_identifiers_that_do_not_exist,
    a_body_that_stops_half_way,
    every_endpoint_refuses_nonsense_without_a_500,
);

async fn bodies_that_are_not_what_they_should_be(home: Home) {
    let platform = Platform::start(home).await;
    let login = "/v1/auth/login";
    let raw = async |body: &[u8]| {
        let api = &platform.core.api;
        api.raw(Method::POST, login, "", &[], Some(body)).await
    };
    raw(b"").await.problem(400, "malformed_json");
    raw(b"{").await.problem(400, "malformed_json");
    raw(b"{\"email\": \"\xff\"}").await.expect(400);
    raw(b"[]").await.problem(422, "invalid_body");
    raw(b"{\"email\": \"a@b\", \"password\": \"x\"} trailing")
        .await
        .problem(400, "malformed_json");
    let deep = "[".repeat(100_000);
    raw(deep.as_bytes()).await.expect(422);
    let big = json!({"email": "a@b.c", "password": "x".repeat(2 * 1024 * 1024)});
    raw(big.to_string().as_bytes())
        .await
        .problem(413, "body_too_large");
    for (body, pointer) in [
        (json!({"email": "a@b.c"}), "/password"),
        (json!({"email": "a@b.c", "password": 1}), "/password"),
        (json!({"email": "a@b.c", "password": ""}), "/password"),
        (json!({"email": "no address", "password": "x"}), "/email"),
        (
            json!({"email": "a@b.c", "password": "x", "extra": 1}),
            "/extra",
        ),
        (
            json!({"email": "a@b.c", "password": "x", "tenant_id": "x"}),
            "/tenant_id",
        ),
        (
            json!({"email": "a@b.c", "password": "x".repeat(1025)}),
            "/password",
        ),
        (
            json!({"email": format!("{}@b.c", "a".repeat(300)), "password": "x"}),
            "/email",
        ),
    ] {
        let answer = platform
            .post(login, "", body.clone())
            .await
            .problem(422, "invalid_body");
        assert_eq!(
            answer.body["errors"][0]["pointer"], pointer,
            "{body} {}",
            answer.body
        );
    }
    let headers = [("content-type", "text/plain")];
    let text = platform
        .raw(Method::POST, login, "", &headers, Some(b"{}"))
        .await;
    text.problem(415, "unsupported_media_type");
}

async fn text_that_no_database_takes(home: Home) {
    let platform = Platform::start(home).await;
    let operator = platform.operator().await;
    for name in ["", "  ", "a\u{0}b", "line\nbreak", &"x".repeat(201)] {
        let refused = platform
            .post("/v1/tenants", &operator, json!({"name": name}))
            .await;
        let refused = refused.problem(422, "invalid_body");
        assert_eq!(refused.body["errors"][0]["pointer"], "/name");
    }
    let lone = br#"{"name": "\ud800"}"#;
    let refused = platform
        .raw(Method::POST, "/v1/tenants", &operator, &[], Some(lone))
        .await;
    refused.problem(422, "invalid_body");
    for slug in ["A", "a b", "-a", &"a".repeat(64), "a\u{0}"] {
        let body = json!({"name": "x", "slug": slug});
        platform
            .post("/v1/tenants", &operator, body)
            .await
            .problem(422, "invalid_body");
    }
    // Everything else is welcome, whole.
    for name in ["星云科技", "O'Brien; DROP TABLE users", "🙂", "%_\\"] {
        let made = platform
            .post("/v1/tenants", &operator, json!({"name": name}))
            .await
            .expect(201);
        assert_eq!(made.body["name"], name);
    }
}

async fn paths_methods_and_identifiers_that_do_not_exist(home: Home) {
    let platform = Platform::start(home).await;
    let operator = platform.operator().await;
    platform
        .get("/v1/nothing", &operator)
        .await
        .problem(404, "not_found");
    platform
        .delete("/v1/tenants", &operator)
        .await
        .problem(405, "method_not_allowed");
    for id in [
        "x",
        "1",
        "%00",
        "%ff",
        "019a1b2c-3d4e-7f00-8000-00000000000",
    ] {
        for area in ["tenants", "users", "sessions", "members", "invitations"] {
            let method = if matches!(area, "sessions" | "invitations") {
                Method::DELETE
            } else {
                Method::GET
            };
            let path = format!("/v1/{area}/{id}");
            let answer = platform.call(method, &path, &operator, &[], None).await;
            assert!(
                matches!(answer.status.as_u16(), 400 | 403),
                "{path} {}",
                answer.body
            );
        }
    }
    let headers = [("if-match", "3")];
    let path = "/v1/tenants/019a1b2c-3d4e-7f00-8000-000000000000/suspend";
    let odd = platform
        .call(Method::POST, path, &operator, &headers, None)
        .await;
    odd.problem(400, "invalid_if_match");
    platform
        .post(path, &operator, json!({}))
        .await
        .problem(404, "not_found");
}

async fn a_body_that_stops_half_way(home: Home) {
    let platform = Platform::start(home).await;
    let address = platform
        .core
        .api
        .base
        .strip_prefix("http://")
        .unwrap()
        .to_owned();
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let half = "POST /v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                content-length: 100\r\n\r\n{\"email\":";
    socket.write_all(half.as_bytes()).await.unwrap();
    socket.shutdown().await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    // The sender is gone; whether it reads the answer is its affair, but core goes on.
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 400"),
        "{answer}"
    );
    platform.get("/health/live", "").await.expect(200);
}

/// The description says what there is; each of it gets rubbish.
async fn every_endpoint_refuses_nonsense_without_a_500(home: Home) {
    let platform = Platform::start(home).await;
    let operator = platform.operator().await;
    let amy = platform.owner("amy").await;
    let openapi = platform.get("/openapi.json", "").await.expect(200);
    let paths = openapi.body["paths"].as_object().unwrap().clone();
    assert!(paths.len() > 20);
    let bodies = [
        json!(null),
        json!([]),
        json!({}),
        json!({"email": [], "password": {}, "name": 1e300, "role": "god"}),
        json!("x".repeat(100)),
        Value::String("\u{202e}".to_owned()),
    ];
    for (template, operations) in &paths {
        for method in operations.as_object().unwrap().keys() {
            let Ok(method) = method.to_uppercase().parse::<Method>() else {
                continue;
            };
            for id in ["019a1b2c-3d4e-7f00-8000-000000000000", "..%2f..", "'"] {
                let path = template.replace("{id}", id);
                let query = format!("{path}?limit=-1&cursor=%F0%28&q=%00&minutes=1e9");
                for token in ["", &operator, amy.token()] {
                    for body in &bodies {
                        // Signing the callers out would end the exercise.
                        if template.ends_with("logout") {
                            continue;
                        }
                        let method = method.clone();
                        let body = Some(body.clone());
                        let answer = platform.call(method, &query, token, &[], body).await;
                        assert!(
                            answer.status.as_u16() < 500,
                            "{path} {} {}",
                            answer.status,
                            answer.body
                        );
                    }
                }
            }
        }
    }
    platform
        .login("amy@example.com", PASSWORD)
        .await
        .expect(200);
}
