//! Sessions: going on, in this tenant or another, and ending.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use chrono::Duration;
use hyper::Method;
use serde_json::json;
use support::{Home, PASSWORD, Platform};

on_both!(
    a_refresh_token_works_once,
    of_refreshes_at_the_same_time_one_wins_and_the_session_ends,
    a_lost_refresh_may_be_repeated_with_its_key,
    a_changed_password_ends_the_other_sessions,
    sessions_are_listed_and_ended_by_their_owner_alone,
    switching_the_tenant_replaces_both_tokens,
);

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
    let invited = platform.invite(&ben, "amy@example.com", "member").await;
    let accepted = platform.accept(&amy, invited.text("invitation/code")).await;
    accepted.expect(200);
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
