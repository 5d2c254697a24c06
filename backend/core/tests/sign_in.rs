//! Signing in, refreshing, signing out.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use chrono::Duration;
use hyper::Method;
use serde_json::json;
use support::{ADMIN, Home, PASSWORD, Platform, Wishes};

on_both!(
    the_first_administrator_must_change_the_password,
    two_cores_that_start_at_once_make_one_administrator_and_one_key,
    signing_up_in_and_out,
    a_refresh_token_works_once,
    of_refreshes_at_the_same_time_one_wins_and_the_session_ends,
    a_lost_refresh_may_be_repeated_with_its_key,
    wrong_passwords_and_unknown_addresses_look_the_same_and_are_limited,
    sign_up_in_production_tells_nothing_and_waits_for_an_operator,
    a_changed_password_ends_the_other_sessions,
    sessions_are_listed_and_ended_by_their_owner_alone,
    switching_the_tenant_replaces_both_tokens,
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

async fn a_refresh_token_works_once(home: Home) {
    let platform = Platform::start(home).await;
    let login = platform.owner("amy").await;
    platform.clock.advance(Duration::minutes(31));
    platform
        .get("/v1/me", login.token())
        .await
        .problem(401, "token_expired");
    let first = platform
        .refresh(login.text("refresh_token"))
        .await
        .expect(200);
    platform.get("/v1/me", first.token()).await.expect(200);
    let second = platform
        .refresh(first.text("refresh_token"))
        .await
        .expect(200);
    // The thief, or the owner, comes with the used one: everything ends.
    let stolen = platform.refresh(first.text("refresh_token")).await;
    stolen.problem(401, "refresh_token_reused");
    platform
        .get("/v1/me", second.token())
        .await
        .problem(401, "session_ended");
    platform
        .refresh(second.text("refresh_token"))
        .await
        .problem(401, "session_ended");
    platform
        .refresh("rt_nobody")
        .await
        .problem(401, "refresh_token_invalid");
    let other = platform
        .login("amy@example.com", PASSWORD)
        .await
        .expect(200);
    platform.clock.advance(Duration::days(8));
    platform
        .refresh(other.text("refresh_token"))
        .await
        .problem(401, "refresh_token_invalid");
}

async fn of_refreshes_at_the_same_time_one_wins_and_the_session_ends(home: Home) {
    let platform = Platform::start(home).await;
    let login = platform.owner("amy").await;
    let token = login.text("refresh_token").to_owned();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (api, token) = (platform.core.api.clone(), token.clone());
        calls.spawn(async move { api.refresh(&token).await });
    }
    let answers = calls.join_all().await;
    let won: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == 200)
        .collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    assert!(
        answers.iter().all(|a| a.status == 200 || a.status == 401),
        "{answers:?}"
    );
    platform
        .get("/v1/me", won[0].token())
        .await
        .problem(401, "session_ended");
}

async fn a_lost_refresh_may_be_repeated_with_its_key(home: Home) {
    let platform = Platform::start(home).await;
    let login = platform.owner("amy").await;
    let body = json!({"refresh_token": login.text("refresh_token")});
    let call = |key: &'static str| {
        let (platform, body) = (&platform, body.clone());
        async move {
            let headers = [("idempotency-key", key)];
            platform
                .call(Method::POST, "/v1/auth/refresh", "", &headers, Some(body))
                .await
        }
    };
    let first = call("one").await.expect(200);
    platform.clock.advance(Duration::minutes(20));
    let again = call("one").await.expect(200);
    assert_eq!(first.text("refresh_token"), again.text("refresh_token"));
    let next = platform
        .refresh(again.text("refresh_token"))
        .await
        .expect(200);
    // Now the successor was used: the old one is worth nothing, with its key or without.
    call("one").await.problem(401, "refresh_token_reused");
    platform
        .refresh(next.text("refresh_token"))
        .await
        .problem(401, "session_ended");
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
    let waiting = platform
        .get("/v1/users?status=pending", &operator)
        .await
        .expect(200);
    let id = waiting.text("items/0/id");
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

async fn a_changed_password_ends_the_other_sessions(home: Home) {
    let platform = Platform::start(home).await;
    let here = platform.owner("amy").await;
    let there = platform
        .login("amy@example.com", PASSWORD)
        .await
        .expect(200);
    let body = json!({"current_password": "not it at all", "new_password": "another good phrase"});
    let wrong = platform.post("/v1/me/password", here.token(), body).await;
    wrong.problem(422, "wrong_password");
    let body = json!({"current_password": PASSWORD, "new_password": PASSWORD});
    let same = platform.post("/v1/me/password", here.token(), body).await;
    same.problem(422, "password_unchanged");
    let body = json!({"current_password": PASSWORD, "new_password": "another good phrase"});
    let changed = platform
        .post("/v1/me/password", here.token(), body)
        .await
        .expect(200);
    platform.get("/v1/me", changed.token()).await.expect(200);
    platform
        .get("/v1/me", there.token())
        .await
        .problem(401, "session_ended");
    platform
        .refresh(there.text("refresh_token"))
        .await
        .expect(401);
    platform
        .refresh(changed.text("refresh_token"))
        .await
        .expect(200);
}

async fn sessions_are_listed_and_ended_by_their_owner_alone(home: Home) {
    let platform = Platform::start(home).await;
    let here = platform.owner("amy").await;
    let there = platform
        .login("amy@example.com", PASSWORD)
        .await
        .expect(200);
    let stranger = platform.owner("eve").await;
    let list = platform.get("/v1/sessions", here.token()).await.expect(200);
    let items = list.body["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    let other = items
        .iter()
        .find(|item| item["is_current"] == false)
        .unwrap();
    let path = format!("/v1/sessions/{}", other["id"].as_str().unwrap());
    platform
        .delete(&path, stranger.token())
        .await
        .problem(404, "not_found");
    platform.get("/v1/me", there.token()).await.expect(200);
    platform.delete(&path, here.token()).await.expect(204);
    platform
        .get("/v1/me", there.token())
        .await
        .problem(401, "session_ended");
    platform
        .delete(&path, here.token())
        .await
        .problem(404, "not_found");
}

async fn switching_the_tenant_replaces_both_tokens(home: Home) {
    let platform = Platform::start(home).await;
    let amy = platform.owner("amy").await;
    let ben = platform.owner("ben").await;
    let body = json!({"email": "amy@example.com", "role": "member"});
    let added = platform
        .post("/v1/members", ben.token(), body)
        .await
        .expect(201);
    assert!(added.body["one_time_password"].is_null());
    let me = platform.get("/v1/me", amy.token()).await.expect(200);
    assert_eq!(me.body["tenants"].as_array().unwrap().len(), 2);
    let theirs = json!({"tenant_id": ben.text("tenant/id")});
    let there = platform
        .post("/v1/auth/switch-tenant", amy.token(), theirs.clone())
        .await;
    let there = there.expect(200);
    assert_eq!(there.body["tenant"], ben.body["tenant"]);
    let me = platform.get("/v1/me", there.token()).await.expect(200);
    assert_eq!(me.body["roles"], json!(["member"]));
    let next = platform
        .refresh(there.text("refresh_token"))
        .await
        .expect(200);
    assert_eq!(next.body["tenant"], ben.body["tenant"]);
    let eve = platform.owner("eve").await;
    let refused = platform
        .post("/v1/auth/switch-tenant", eve.token(), theirs)
        .await;
    refused.problem(404, "not_found");
    let asked = json!({
        "email": "amy@example.com", "password": PASSWORD, "tenant_id": ben.text("tenant/id"),
    });
    let direct = platform.post("/v1/auth/login", "", asked).await.expect(200);
    assert_eq!(direct.body["tenant"], ben.body["tenant"]);
}
