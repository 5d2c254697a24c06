//! Signing up and in.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use chrono::Duration;
use hyper::Method;
use serde_json::{Value, json};
use support::{ADMIN, Home, PASSWORD, Platform, Wishes};

on_both!(
    the_first_administrator_must_change_the_password,
    two_cores_that_start_at_once_make_one_administrator_and_one_key,
    signing_up_in_and_out,
    wrong_passwords_and_unknown_addresses_look_the_same_and_are_limited,
    sign_up_in_production_tells_nothing_and_waits_for_an_operator,
    a_one_time_code_is_refused_as_long_as_there_is_no_second_factor,
);

async fn the_first_administrator_must_change_the_password(home: Home) {
    let platform = Platform::start(home).await;
    let first_run = platform.core.first_run.as_ref().unwrap();
    assert_eq!(first_run.email, ADMIN);
    let once = first_run.one_time_password.as_ref().unwrap();
    let login = platform.login(ADMIN, once).await.expect(200);
    assert_eq!(login.body["user"]["must_change_password"], true);
    assert!(login.body["tenant"].is_null());
    let me = platform.get("/v1/me", login.token()).await.expect(200);
    assert_eq!(me.body["roles"], json!(["operator"]));
    for path in ["/v1/tenants", "/v1/users", "/v1/sessions"] {
        let refused = platform.get(path, login.token()).await;
        refused.problem(403, "password_change_required");
    }
    let weak = json!({"current_password": once, "new_password": "password12"});
    let weak = platform.post("/v1/me/password", login.token(), weak).await;
    let weak = weak.problem(422, "weak_password");
    assert_eq!(weak.body["errors"][0]["pointer"], "/new_password");
    let change = json!({"current_password": once, "new_password": PASSWORD});
    let changed = platform
        .post("/v1/me/password", login.token(), change)
        .await;
    let changed = changed.expect(200);
    platform
        .get("/v1/tenants", changed.token())
        .await
        .expect(200);
    platform
        .login(ADMIN, once)
        .await
        .problem(401, "invalid_credentials");
    platform.login(ADMIN, PASSWORD).await.expect(200);
    assert!(platform.another().await.first_run.is_none());
}

async fn two_cores_that_start_at_once_make_one_administrator_and_one_key(home: Home) {
    let (clock, root) = (support::noon(), support::root());
    let wishes = Wishes::default();
    let (a, b) = tokio::join!(
        support::run(&home, &clock, &root, wishes),
        support::run(&home, &clock, &root, wishes),
    );
    assert!(a.first_run.is_some() != b.first_run.is_some());
    let keys = a.api.get("/.well-known/jwks.json", "").await.expect(200);
    assert_eq!(keys.body["keys"].as_array().unwrap().len(), 1);
    let same = b.api.get("/.well-known/jwks.json", "").await.expect(200);
    assert_eq!(same.body, keys.body);
}

async fn signing_up_in_and_out(home: Home) {
    let platform = Platform::start(home).await;
    let body = json!({
        "email": " Wei@Example.com", "password": PASSWORD, "name": "伟", "tenant_name": "星云科技",
    });
    let made = platform
        .post("/v1/auth/signup", "", body.clone())
        .await
        .expect(201);
    assert_eq!(made.body["user"]["email"], "wei@example.com");
    assert_eq!(made.body["tenant"]["name"], "星云科技");
    platform
        .post("/v1/auth/signup", "", body)
        .await
        .problem(409, "email_taken");

    let login = platform
        .login("WEI@example.com", PASSWORD)
        .await
        .expect(200);
    assert_eq!(login.header("cache-control"), "no-store");
    assert_eq!(login.body["tenant"], made.body["tenant"]);
    let me = platform.get("/v1/me", login.token()).await.expect(200);
    assert_eq!(me.body["roles"], json!(["owner"]));
    assert_eq!(me.body["tenants"][0]["role"], "owner");
    assert!(
        me.body["permissions"]
            .as_array()
            .unwrap()
            .contains(&json!("member:create"))
    );

    let out = platform
        .post("/v1/auth/logout", login.token(), json!({}))
        .await;
    out.expect(204);
    platform
        .get("/v1/me", login.token())
        .await
        .problem(401, "session_ended");
    let refreshed = platform.refresh(login.text("refresh_token")).await;
    refreshed.problem(401, "session_ended");
    // Out is out, however often one asks.
    platform
        .post("/v1/auth/logout", login.token(), json!({}))
        .await
        .expect(204);
    platform
        .call(Method::POST, "/v1/auth/logout", "", &[], None)
        .await
        .problem(401, "token_required");
}

async fn wrong_passwords_and_unknown_addresses_look_the_same_and_are_limited(home: Home) {
    let platform = Platform::start(home).await;
    platform.owner("amy").await;
    let wrong = platform.login("amy@example.com", "not the password").await;
    let wrong = wrong.problem(401, "invalid_credentials");
    let unknown = platform
        .login("nobody@example.com", "not the password")
        .await;
    let unknown = unknown.problem(401, "invalid_credentials");
    assert_eq!(wrong.body["detail"], unknown.body["detail"]);
    for _ in 0..9 {
        platform
            .login("amy@example.com", "not the password")
            .await
            .expect(401);
    }
    let limited = platform.login("amy@example.com", PASSWORD).await;
    let limited = limited.problem(429, "too_many_requests");
    let seconds: i64 = limited.header("retry-after").parse().unwrap();
    assert!((1..=901).contains(&seconds));
    // Somebody else can still sign in, and after the window so can she.
    platform.owner("ben").await;
    platform.clock.advance(Duration::seconds(seconds));
    platform
        .login("amy@example.com", PASSWORD)
        .await
        .expect(200);
    // Success wipes the slate.
    for _ in 0..10 {
        platform
            .login("amy@example.com", "not the password")
            .await
            .expect(401);
    }
    platform
        .login("amy@example.com", "not the password")
        .await
        .expect(429);
}

async fn sign_up_in_production_tells_nothing_and_waits_for_an_operator(home: Home) {
    let wishes = Wishes {
        production: true,
        ..Wishes::default()
    };
    let platform = Platform::start_as(home, wishes).await;
    let operator = platform.operator().await;
    let body = json!({
        "email": "amy@example.com", "password": PASSWORD, "name": "Amy", "tenant_name": "Amy Ltd",
    });
    for _ in 0..2 {
        let answer = platform
            .post("/v1/auth/signup", "", body.clone())
            .await
            .expect(202);
        assert!(answer.body.is_null());
    }
    let refused = platform.login("amy@example.com", PASSWORD).await;
    refused.problem(403, "account_pending");
    // A key that is used again tells a taken address no more than its first use did.
    for email in ["amy@example.com", "free@example.com"] {
        let mut body = body.clone();
        body["email"] = json!(email);
        let again = async |body: &Value| {
            let key = [("idempotency-key", "key-1")];
            let path = "/v1/auth/signup";
            platform
                .call(Method::POST, path, "", &key, Some(body.clone()))
                .await
        };
        let first = again(&body).await.expect(202);
        assert_eq!(first.header("idempotency-replayed"), "", "{email}");
        let second = again(&body).await.expect(202);
        assert_eq!(second.header("idempotency-replayed"), "true", "{email}");
        body["name"] = json!("Other");
        again(&body).await.problem(422, "idempotency_key_reused");
    }
    let waiting = platform
        .get("/v1/users?status=pending", &operator)
        .await
        .expect(200);
    // Two are waiting, made in the same moment: in either order.
    let people = waiting.body["items"].as_array().unwrap();
    let amy = people.iter().find(|one| one["email"] == "amy@example.com");
    let id = amy.unwrap()["id"].as_str().unwrap();
    platform
        .post(&format!("/v1/users/{id}/enable"), &operator, json!({}))
        .await
        .expect(200);
    platform
        .login("amy@example.com", PASSWORD)
        .await
        .expect(200);

    let closed = Wishes {
        signup_closed: true,
        ..Wishes::default()
    };
    let platform = Platform::start_as(Home::embedded().await, closed).await;
    platform
        .post("/v1/auth/signup", "", body)
        .await
        .problem(403, "signup_closed");
}

async fn a_one_time_code_is_refused_as_long_as_there_is_no_second_factor(home: Home) {
    let platform = Platform::start(home).await;
    platform.owner("amy").await;
    let with = async |otp: Value| {
        let body = json!({"email": "amy@example.com", "password": PASSWORD, "otp": otp});
        platform.post("/v1/auth/login", "", body).await
    };
    let refused = with(json!("123456")).await.problem(422, "no_second_factor");
    assert_eq!(refused.body["errors"][0]["pointer"], "/otp");
    with(Value::Null).await.expect(200);
}
