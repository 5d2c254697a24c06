//! Somebody who has an account joins a tenant only by saying so.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use chrono::Duration;
use serde_json::{Value, json};
use support::{ADMIN, Answer, Home, PASSWORD, Platform, Wishes};

on_both!(
    an_account_made_beforehand_is_no_way_into_another_tenant,
    a_code_works_once_for_whom_it_was_made,
    codes_that_were_replaced_withdrawn_or_left_lying_are_of_no_use,
    codes_cannot_be_tried_for_ever,
    owners_are_invited_by_owners,
    whoever_may_invite_no_more_has_no_guests,
    an_invited_account_that_waits_gains_nothing_until_it_is_enabled,
    a_tenant_hears_of_no_session_that_is_not_in_it,
);

fn code(invited: &Answer) -> &str {
    invited.text("invitation/code")
}

async fn again(platform: &Platform, email: &str) -> Answer {
    platform.login(email, PASSWORD).await.expect(200)
}

/// The tenant's log of what was done, oldest first.
async fn log(platform: &Platform, reader: &Answer) -> Vec<Value> {
    let log = platform.get("/v1/audit-events?limit=200", reader.token());
    let log = log.await.expect(200);
    log.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .cloned()
        .collect()
}

fn actions(log: &[Value]) -> Vec<&str> {
    log.iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect()
}

async fn an_account_made_beforehand_is_no_way_into_another_tenant(home: Home) {
    let platform = Platform::start(home).await;
    let (evil, delta) = (platform.owner("evil").await, platform.owner("delta").await);
    let (_, cfo) = platform.member(&evil, "cfo", "member").await;
    // What is done later has a later identifier.
    let tick = || platform.clock.advance(Duration::milliseconds(1));
    tick();
    let invited = platform.invite(&delta, "CFO@example.com", "admin").await;
    let theirs = invited.body["invitation"].as_object().unwrap();
    let told: Vec<_> = theirs.keys().map(String::as_str).collect();
    assert_eq!(
        told,
        [
            "code",
            "created_at",
            "email",
            "expires_at",
            "id",
            "invited_by",
            "role"
        ],
        "nothing of the account"
    );
    assert_eq!(invited.text("invitation/email"), "cfo@example.com");
    assert_eq!(invited.text("invitation/invited_by"), delta.text("user/id"));
    assert_eq!(
        (&invited.body["member"], &invited.body["one_time_password"]),
        (&Value::Null, &Value::Null)
    );

    // Nothing has changed for whoever has the account.
    let me = platform.get("/v1/me", cfo.token()).await.expect(200);
    assert_eq!(me.body["tenants"].as_array().unwrap().len(), 1);
    let there = json!({"tenant_id": delta.text("tenant/id")});
    platform
        .post("/v1/auth/switch-tenant", cfo.token(), there.clone())
        .await
        .problem(404, "not_found");
    let login = again(&platform, "cfo@example.com").await;
    assert_eq!(login.body["tenant"], evil.body["tenant"]);
    let list = platform.get("/v1/members", delta.token()).await.expect(200);
    assert_eq!(list.body["items"].as_array().unwrap().len(), 1);
    platform
        .accept(&cfo, "inv_guess")
        .await
        .problem(404, "not_found");
    let open = platform
        .get("/v1/invitations", delta.token())
        .await
        .expect(200);
    assert_eq!(open.text("items/0/id"), invited.text("invitation/id"));
    assert!(open.body["items"][0].get("code").is_none(), "told once");

    // With the code they join, and still begin where they began.
    tick();
    let joined = platform.accept(&login, code(&invited)).await.expect(200);
    assert_eq!(joined.body["id"], delta.body["tenant"]["id"]);
    assert_eq!(joined.body["role"], "admin");
    let login = again(&platform, "cfo@example.com").await;
    assert_eq!(login.body["tenant"], evil.body["tenant"]);
    platform
        .post("/v1/auth/switch-tenant", login.token(), there)
        .await
        .expect(200);
    let open = platform
        .get("/v1/invitations", delta.token())
        .await
        .expect(200);
    assert_eq!(open.body["items"], json!([]));
    let twice = json!({"email": "cfo@example.com", "role": "member"});
    platform
        .post("/v1/members", delta.token(), twice)
        .await
        .problem(409, "already_member");
    let log = log(&platform, &delta).await;
    assert_eq!(
        actions(&log)[2..],
        ["invitation.made", "invitation.accepted"],
        "{log:?}"
    );
    assert_eq!(
        log[2]["detail"],
        json!({"email": "cfo@example.com", "role": "admin"})
    );
    assert_eq!(log[3]["detail"]["user_id"], cfo.body["user"]["id"]);
    assert_eq!(log[3]["actor_email"], "cfo@example.com");
}

async fn a_code_works_once_for_whom_it_was_made(home: Home) {
    let platform = Platform::start(home).await;
    let (amy, ben) = (platform.owner("amy").await, platform.owner("ben").await);
    let eve = platform.owner("eve").await;
    let invited = platform.invite(&amy, "ben@example.com", "member").await;
    let wrong = platform
        .accept(&eve, "inv_wrong")
        .await
        .problem(404, "not_found");
    let stolen = platform.accept(&eve, code(&invited)).await;
    let stolen = stolen.problem(404, "not_found");
    assert_eq!(wrong.body["detail"], stolen.body["detail"]);
    for odd in [
        json!({}),
        json!({"code": ""}),
        json!({"code": "x".repeat(129)}),
    ] {
        platform
            .post("/v1/me/invitations/accept", ben.token(), odd)
            .await
            .problem(422, "invalid_body");
    }
    let (a, b) = tokio::join!(
        platform.accept(&ben, code(&invited)),
        platform.accept(&ben, code(&invited)),
    );
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 404], "{} {}", a.body, b.body);
}

async fn codes_that_were_replaced_withdrawn_or_left_lying_are_of_no_use(home: Home) {
    let platform = Platform::start(home).await;
    let (amy, ben) = (platform.owner("amy").await, platform.owner("ben").await);
    let first = platform.invite(&amy, "ben@example.com", "member").await;
    let second = platform.invite(&amy, "ben@example.com", "admin").await;
    let open = platform
        .get("/v1/invitations", amy.token())
        .await
        .expect(200);
    assert_eq!(open.body["items"].as_array().unwrap().len(), 1);
    platform
        .accept(&ben, code(&first))
        .await
        .problem(404, "not_found");
    let path = format!("/v1/invitations/{}", second.text("invitation/id"));
    platform.delete(&path, amy.token()).await.expect(204);
    platform
        .delete(&path, amy.token())
        .await
        .problem(404, "not_found");
    platform
        .accept(&ben, code(&second))
        .await
        .problem(404, "not_found");

    let third = platform.invite(&amy, "ben@example.com", "member").await;
    platform.clock.advance(Duration::days(7));
    let (amy, ben) = (
        again(&platform, "amy@example.com").await,
        again(&platform, "ben@example.com").await,
    );
    platform
        .accept(&ben, code(&third))
        .await
        .problem(404, "not_found");
    let open = platform
        .get("/v1/invitations", amy.token())
        .await
        .expect(200);
    assert_eq!(open.body["items"], json!([]));
    let fourth = platform.invite(&amy, "ben@example.com", "member").await;
    platform
        .clock
        .advance(Duration::days(7) - Duration::seconds(1));
    let ben = again(&platform, "ben@example.com").await;
    platform.accept(&ben, code(&fourth)).await.expect(200);
    let amy = again(&platform, "amy@example.com").await;
    let log = log(&platform, &amy).await;
    let withdrawn = log
        .iter()
        .find(|entry| entry["action"] == "invitation.withdrawn");
    assert_eq!(
        withdrawn.unwrap()["detail"],
        json!({"email": "ben@example.com", "role": "admin"})
    );
}

async fn codes_cannot_be_tried_for_ever(home: Home) {
    let platform = Platform::start(home).await;
    let (amy, ben) = (platform.owner("amy").await, platform.owner("ben").await);
    let eve = platform.owner("eve").await;
    let invited = platform.invite(&amy, "ben@example.com", "member").await;
    for number in 0..10 {
        let guess = format!("inv_{number}");
        platform
            .accept(&ben, &guess)
            .await
            .problem(404, "not_found");
    }
    let limited = platform.accept(&ben, code(&invited)).await;
    let limited = limited.problem(429, "too_many_requests");
    // Others may go on, and signing in is another matter.
    platform
        .accept(&eve, "inv_0")
        .await
        .problem(404, "not_found");
    let seconds: i64 = limited.header("retry-after").parse().unwrap();
    platform.clock.advance(Duration::seconds(seconds));
    let ben = again(&platform, "ben@example.com").await;
    platform.accept(&ben, code(&invited)).await.expect(200);
}

async fn owners_are_invited_by_owners(home: Home) {
    let platform = Platform::start(home).await;
    let (amy, ben) = (platform.owner("amy").await, platform.owner("ben").await);
    let (_, bob) = platform.member(&amy, "bob", "admin").await;
    let (_, cat) = platform.member(&amy, "cat", "member").await;
    let body = json!({"email": "ben@example.com", "role": "owner"});
    platform
        .post("/v1/members", bob.token(), body)
        .await
        .problem(403, "owner_required");
    let invited = platform.invite(&amy, "ben@example.com", "owner").await;
    let path = format!("/v1/invitations/{}", invited.text("invitation/id"));
    platform
        .delete(&path, bob.token())
        .await
        .problem(403, "owner_required");
    let lesser = json!({"email": "ben@example.com", "role": "member"});
    platform
        .post("/v1/members", bob.token(), lesser)
        .await
        .problem(403, "owner_required");
    platform
        .get("/v1/invitations", bob.token())
        .await
        .expect(200);
    for refused in [
        platform.get("/v1/invitations", cat.token()).await,
        platform.delete(&path, cat.token()).await,
    ] {
        refused.problem(403, "permission_denied");
    }
    let joined = platform.accept(&ben, code(&invited)).await.expect(200);
    assert_eq!(joined.body["role"], "owner");
}

async fn whoever_may_invite_no_more_has_no_guests(home: Home) {
    let platform = Platform::start(home).await;
    let (amy, ben) = (platform.owner("amy").await, platform.owner("ben").await);
    let (bob_in, bob) = platform.member(&amy, "bob", "admin").await;
    let (dan_in, dan) = platform.member(&amy, "dan", "owner").await;
    let of_bob = platform.invite(&bob, "ben@example.com", "admin").await;
    platform.owner("eve").await;
    let of_dan = platform.invite(&dan, "eve@example.com", "owner").await;
    let membership = |member: &Value| format!("/v1/members/{}", member["id"].as_str().unwrap());
    platform
        .delete(&membership(&bob_in), amy.token())
        .await
        .expect(204);
    platform
        .patch(&membership(&dan_in), amy.token(), json!({"role": "admin"}))
        .await
        .expect(200);
    platform
        .accept(&ben, code(&of_bob))
        .await
        .problem(404, "not_found");
    let eve = again(&platform, "eve@example.com").await;
    platform
        .accept(&eve, code(&of_dan))
        .await
        .problem(404, "not_found");
}

async fn an_invited_account_that_waits_gains_nothing_until_it_is_enabled(home: Home) {
    let wishes = Wishes {
        production: true,
        ..Wishes::default()
    };
    let platform = Platform::start_as(home, wishes).await;
    let operator = platform.operator().await;
    let body = json!({"name": "Acme", "owner_email": "amy@example.com"});
    let made = platform
        .post("/v1/tenants", &operator, body)
        .await
        .expect(201);
    let once = made.text("one_time_password");
    let login = platform.login("amy@example.com", once).await.expect(200);
    let change = json!({"current_password": once, "new_password": PASSWORD});
    let amy = platform
        .post("/v1/me/password", login.token(), change)
        .await;
    let amy = amy.expect(200);
    let body = json!({
        "email": "ben@example.com", "password": PASSWORD, "name": "Ben", "tenant_name": "Ben Ltd",
    });
    platform.post("/v1/auth/signup", "", body).await.expect(202);
    let invited = platform.invite(&amy, "ben@example.com", "member").await;
    platform
        .login("ben@example.com", PASSWORD)
        .await
        .problem(403, "account_pending");
    let waiting = platform.get("/v1/users?status=pending", &operator).await;
    let path = format!(
        "/v1/users/{}/enable",
        waiting.expect(200).text("items/0/id")
    );
    platform.post(&path, &operator, json!({})).await.expect(200);
    let ben = again(&platform, "ben@example.com").await;
    assert_eq!(ben.body["tenant"]["name"], "Ben Ltd");
    platform.accept(&ben, code(&invited)).await.expect(200);
}

async fn a_tenant_hears_of_no_session_that_is_not_in_it(home: Home) {
    let platform = Platform::start(home).await;
    let amy = platform.owner("amy").await;
    let operator = platform.operator().await;
    let sign_in = async || platform.login(ADMIN, PASSWORD).await.expect(200);
    let entries = async |reader: &Answer, action: &str| {
        let log = log(&platform, reader).await;
        log.iter().filter(|entry| entry["action"] == action).count()
    };
    let before = entries(&amy, "session.started").await;
    // Invited, even an operator goes on outside, and nobody hears of it.
    let invited = platform.invite(&amy, ADMIN, "member").await;
    let outside = sign_in().await;
    assert!(outside.body["tenant"].is_null());
    assert_eq!(entries(&amy, "session.started").await, before);
    // Once they have joined, what is in the tenant is in its log.
    platform.accept(&outside, code(&invited)).await.expect(200);
    let inside = sign_in().await;
    assert_eq!(inside.body["tenant"], amy.body["tenant"]);
    assert_eq!(entries(&amy, "session.started").await, before + 1);
    // After they left, it is not, although the session was begun there.
    let members = platform
        .get("/v1/members?role=member", amy.token())
        .await
        .expect(200);
    let membership = format!("/v1/members/{}", members.text("items/0/id"));
    platform.delete(&membership, amy.token()).await.expect(204);
    platform.clock.advance(Duration::milliseconds(2));
    let left = platform
        .refresh(inside.text("refresh_token"))
        .await
        .expect(200);
    assert!(left.body["tenant"].is_null());
    platform
        .post("/v1/auth/logout", left.token(), json!({}))
        .await
        .expect(204);
    assert_eq!(entries(&amy, "session.ended").await, 0);
    let own = platform
        .get("/v1/audit-events?action=session.ended", &operator)
        .await;
    assert_eq!(own.expect(200).body["items"].as_array().unwrap().len(), 1);
}
