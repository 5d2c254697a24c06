//! The operator's view of people, the audit log and the traffic figures.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use chrono::Duration;
use http::Method;
use saas_security::{InternalRole, InternalSigner};
use serde_json::json;
use support::{Home, PASSWORD, Platform, root};

on_both!(
    a_disabled_person_is_out_at_once,
    a_reset_password_is_a_one_time_password,
    the_platform_keeps_an_operator,
    everything_that_happens_is_in_the_audit_log,
    traffic_is_counted_once_and_summed,
    the_clients_address_is_believed_from_a_gateway_alone,
);

async fn a_disabled_person_is_out_at_once(home: Home) {
    let platform = Platform::start(home).await;
    let operator = platform.operator().await;
    let amy = platform.owner("amy").await;
    let path = format!("/v1/users/{}", amy.text("user/id"));
    platform
        .post(&format!("{path}/disable"), amy.token(), json!({}))
        .await
        .problem(403, "permission_denied");
    let out = platform
        .post(&format!("{path}/disable"), &operator, json!({}))
        .await
        .expect(200);
    assert_eq!(out.body["status"], "disabled");
    platform
        .get("/v1/me", amy.token())
        .await
        .problem(401, "session_ended");
    platform
        .refresh(amy.text("refresh_token"))
        .await
        .expect(401);
    platform
        .login("amy@example.com", PASSWORD)
        .await
        .problem(403, "account_disabled");
    platform
        .login("amy@example.com", "not the password")
        .await
        .problem(401, "invalid_credentials");
    platform.clock.advance(Duration::milliseconds(2));
    platform
        .post(&format!("{path}/enable"), &operator, json!({}))
        .await
        .expect(200);
    let amy = platform
        .login("amy@example.com", PASSWORD)
        .await
        .expect(200);
    platform.get("/v1/me", amy.token()).await.expect(200);
    let nobody = "/v1/users/019a1b2c-3d4e-7f00-8000-000000000000";
    platform
        .get(nobody, &operator)
        .await
        .problem(404, "not_found");
    platform
        .get("/v1/users/x", &operator)
        .await
        .problem(400, "invalid_path");
}

async fn a_reset_password_is_a_one_time_password(home: Home) {
    let platform = Platform::start(home).await;
    let operator = platform.operator().await;
    let amy = platform.owner("amy").await;
    let path = format!("/v1/users/{}/reset-password", amy.text("user/id"));
    let reset = platform.post(&path, &operator, json!({})).await.expect(200);
    platform
        .get("/v1/me", amy.token())
        .await
        .problem(401, "session_ended");
    platform
        .login("amy@example.com", PASSWORD)
        .await
        .problem(401, "invalid_credentials");
    platform.clock.advance(Duration::milliseconds(2));
    let once = reset.text("one_time_password");
    let login = platform.login("amy@example.com", once).await.expect(200);
    assert_eq!(login.body["user"]["must_change_password"], true);
    platform
        .get("/v1/members", login.token())
        .await
        .problem(403, "password_change_required");
}

async fn the_platform_keeps_an_operator(home: Home) {
    let platform = Platform::start(home).await;
    let operator = platform.operator().await;
    let me = platform.get("/v1/me", &operator).await.expect(200);
    let path = format!("/v1/users/{}/disable", me.text("user/id"));
    platform
        .post(&path, &operator, json!({}))
        .await
        .problem(409, "own_account");
}

async fn everything_that_happens_is_in_the_audit_log(home: Home) {
    let platform = Platform::start(home).await;
    let operator = platform.operator().await;
    let amy = platform.owner("amy").await;
    platform.clock.advance(Duration::milliseconds(1));
    let (_, bob) = platform.member(&amy, "bob", "member").await;
    let eve = platform.owner("eve").await;
    let log = platform
        .get("/v1/audit-events", amy.token())
        .await
        .expect(200);
    let items = log.body["items"].as_array().unwrap();
    let actions: Vec<&str> = items
        .iter()
        .map(|item| item["action"].as_str().unwrap())
        .collect();
    for action in [
        "user.signed_up",
        "session.started",
        "member.added",
        "user.password_changed",
    ] {
        assert!(actions.contains(&action), "{action} is not in {actions:?}");
    }
    let added = items
        .iter()
        .find(|item| item["action"] == "member.added")
        .unwrap();
    assert_eq!(added["actor_email"], "amy@example.com");
    assert_eq!(added["address"], "127.0.0.1");
    assert!(added["request_id"].is_string());
    assert_eq!(added["detail"]["role"], "member");

    let only = platform
        .get("/v1/audit-events?action=member.added", amy.token())
        .await
        .expect(200);
    assert_eq!(only.body["items"].as_array().unwrap().len(), 1);
    let other = platform
        .get("/v1/audit-events?action=member.added", eve.token())
        .await
        .expect(200);
    assert_eq!(other.body["items"], json!([]));
    platform
        .get("/v1/audit-events", bob.token())
        .await
        .problem(403, "permission_denied");
    let own = platform
        .get("/v1/audit-events?log=platform", amy.token())
        .await;
    own.problem(403, "permission_denied");
    let own = platform
        .get("/v1/audit-events", &operator)
        .await
        .expect(200);
    let items = own.body["items"].as_array().unwrap();
    assert!(
        items
            .iter()
            .any(|item| item["action"] == "operator.created")
    );
    platform
        .get("/v1/audit-events?log=tenant", &operator)
        .await
        .problem(403, "tenant_required");
    let mut seen = 0;
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/audit-events?limit=1{cursor}");
        let page = platform.get(&path, amy.token()).await.expect(200);
        seen += page.body["items"].as_array().unwrap().len();
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, actions.len());
}

async fn traffic_is_counted_once_and_summed(home: Home) {
    let platform = Platform::start(home).await;
    let operator = platform.operator().await;
    let amy = platform.owner("amy").await;
    let gateway = platform.internal(InternalRole::Gateway);
    let at = platform.clock.now() - Duration::seconds(20);
    let report = |gateway: u128, number: i64, requests: u64| {
        let mut durations = vec![0; 15];
        durations[2] = requests;
        json!({
            "incarnation": uuid::Uuid::from_u128(gateway),
            "number": number,
            "windows": [{
                "at": at, "service": "orders", "requests": requests, "errors": 1,
                "durations": durations,
            }],
        })
    };
    for body in [
        report(1, 1, 10),
        report(1, 1, 10),
        report(1, 2, 5),
        report(2, 1, 7),
    ] {
        platform
            .post("/internal/v1/traffic", &gateway, body)
            .await
            .expect(204);
    }
    // No time that is not kept or has not come, and no count that ten seconds cannot hold.
    let odd = |at, requests: u64, durations: [u64; 2]| {
        json!({
            "incarnation": uuid::Uuid::from_u128(3),
            "number": 1,
            "windows": [{
                "at": at, "service": "odd", "requests": requests, "errors": 0, "durations": durations,
            }],
        })
    };
    let now = platform.clock.now();
    for at in [now - Duration::hours(25), now + Duration::seconds(61)] {
        platform
            .post("/internal/v1/traffic", &gateway, odd(at, 1, [1, 0]))
            .await
            .expect(204);
    }
    let most = u64::try_from(i64::MAX).unwrap();
    for body in [odd(at, most, [1, 0]), odd(at, 1, [most, most])] {
        platform
            .post("/internal/v1/traffic", &gateway, body)
            .await
            .problem(422, "invalid_body");
    }
    let bad = platform
        .post("/internal/v1/traffic", &gateway, json!({"number": "x"}))
        .await;
    bad.problem(400, "malformed_json");
    let traffic = platform
        .get("/v1/traffic?minutes=60", &operator)
        .await
        .expect(200);
    assert_eq!(traffic.body["step_seconds"], 10);
    let points = traffic.body["points"].as_array().unwrap();
    assert_eq!(points.len(), 1);
    assert_eq!(
        (&points[0]["requests"], &points[0]["errors"]),
        (&json!(22), &json!(3))
    );
    assert_eq!(
        (&points[0]["p50_ms"], &points[0]["service"]),
        (&json!(3.0), &json!("orders"))
    );
    platform
        .get("/v1/traffic", amy.token())
        .await
        .problem(403, "permission_denied");
    platform
        .get("/v1/traffic?minutes=0", &operator)
        .await
        .problem(400, "invalid_query");
}

async fn the_clients_address_is_believed_from_a_gateway_alone(home: Home) {
    let platform = Platform::start(home).await;
    let amy = platform.owner("amy").await;
    let token = |role| {
        let signer = InternalSigner::new(&root(), role);
        signer.token(platform.clock.now()).unwrap()
    };
    let (gateway, registry) = (token(InternalRole::Gateway), token(InternalRole::Registry));
    for (shown, address) in [
        (gateway.as_str(), "203.0.113.9"),
        (registry.as_str(), "127.0.0.1"),
        ("forged", "127.0.0.1"),
    ] {
        platform.clock.advance(Duration::milliseconds(1));
        let headers = [
            ("x-forwarded-for", "203.0.113.9"),
            ("x-saas-gateway", shown),
        ];
        let body = json!({"email": "amy@example.com", "password": PASSWORD});
        let api = &platform.core.api;
        api.call(Method::POST, "/v1/auth/login", "", &headers, Some(body))
            .await
            .expect(200);
        let log = platform
            .get(
                "/v1/audit-events?action=session.started&limit=1",
                amy.token(),
            )
            .await
            .expect(200);
        assert_eq!(log.body["items"][0]["address"], address);
    }
}
