//! Tenants and their members.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use hyper::Method;
use serde_json::{Value, json};
use support::{Answer, Home, PASSWORD, Platform};

on_both!(
    an_operator_makes_renames_suspends_and_activates_tenants,
    an_operator_activates_the_tenant_they_act_in,
    owners_rename_their_tenant_and_nobody_overwrites_anybody,
    an_admin_manages_members_but_no_owners,
    a_tenant_keeps_an_owner_even_if_two_leave_at_once,
    a_changed_role_makes_older_tokens_stale_at_once,
    lists_come_in_pages,
    what_is_read_is_what_was_written,
);

async fn refreshed(platform: &Platform, login: &Answer) -> Answer {
    platform
        .refresh(login.text("refresh_token"))
        .await
        .expect(200)
}

async fn an_operator_makes_renames_suspends_and_activates_tenants(home: Home) {
    let platform = Platform::start(home).await;
    let operator = platform.operator().await;
    let body = json!({"name": "Acme, Inc.", "owner_email": "amy@example.com"});
    let made = platform
        .post("/v1/tenants", &operator, body)
        .await
        .expect(201);
    assert_eq!(made.body["slug"], "acme-inc");
    assert_eq!(
        made.header("location"),
        format!("/v1/tenants/{}", made.text("id"))
    );
    let once = made.text("one_time_password").to_owned();
    let taken = json!({"name": "Other", "slug": "acme-inc"});
    platform
        .post("/v1/tenants", &operator, taken)
        .await
        .problem(409, "slug_taken");
    let again = json!({"name": "Acme, Inc."});
    let again = platform
        .post("/v1/tenants", &operator, again)
        .await
        .expect(201);
    assert!(again.text("slug").starts_with("acme-inc-"));

    let login = platform.login("amy@example.com", &once).await.expect(200);
    let change = json!({"current_password": once, "new_password": PASSWORD});
    let amy = platform
        .post("/v1/me/password", login.token(), change)
        .await
        .expect(200);
    let path = format!("/v1/tenants/{}", made.text("id"));
    platform.get(&path, amy.token()).await.expect(200);

    let suspend = format!("{path}/suspend");
    platform
        .post(&suspend, amy.token(), json!({}))
        .await
        .problem(403, "permission_denied");
    let stopped = platform
        .post(&suspend, &operator, json!({}))
        .await
        .expect(200);
    assert_eq!(stopped.body["status"], "suspended");
    // At once, in this very process, and for new tokens as well.
    platform
        .get("/v1/members", amy.token())
        .await
        .problem(403, "tenant_suspended");
    // Who they are, they may still know: the console then shows it and offers another tenant.
    let me = platform.get("/v1/me", amy.token()).await.expect(200);
    assert_eq!(me.body["tenant"]["slug"], "acme-inc");
    assert_eq!(me.body["tenant"]["is_suspended"], true);
    assert_eq!(me.body["tenants"][0]["is_suspended"], true);
    let fresh = refreshed(&platform, &amy).await;
    assert!(fresh.body["tenant"].is_null());
    let there = json!({"tenant_id": made.text("id")});
    let back = platform
        .post("/v1/auth/switch-tenant", fresh.token(), there)
        .await;
    back.problem(403, "tenant_suspended");
    let login = platform
        .login("amy@example.com", PASSWORD)
        .await
        .expect(200);
    assert!(login.body["tenant"].is_null());
    platform
        .get("/v1/members", login.token())
        .await
        .problem(403, "tenant_required");

    let activate = format!("{path}/activate");
    let active = platform
        .post(&activate, &operator, json!({}))
        .await
        .expect(200);
    assert_eq!(active.body["status"], "active");
    platform.get("/v1/members", amy.token()).await.expect(200);
    let fresh = refreshed(&platform, &fresh).await;
    assert_eq!(fresh.body["tenant"]["slug"], "acme-inc");
}

async fn an_operator_activates_the_tenant_they_act_in(home: Home) {
    let platform = Platform::start(home).await;
    let operator = platform.operator().await;
    let made = platform
        .post("/v1/tenants", &operator, json!({"name": "House"}))
        .await
        .expect(201);
    let path = format!("/v1/tenants/{}", made.text("id"));
    let there = json!({"tenant_id": made.text("id")});
    let there = platform
        .post("/v1/auth/switch-tenant", &operator, there)
        .await
        .expect(200);
    let call = async |verb: &str| {
        let path = format!("{path}/{verb}");
        platform.post(&path, there.token(), json!({})).await
    };
    call("suspend").await.expect(200);
    // What is the platform's goes on, what is the tenant's does not.
    let get = async |path: &str| platform.get(path, there.token()).await;
    get("/v1/tenants").await.expect(200);
    get("/v1/members").await.problem(403, "tenant_suspended");
    call("activate").await.expect(200);
    get("/v1/members").await.expect(200);
}

async fn owners_rename_their_tenant_and_nobody_overwrites_anybody(home: Home) {
    let platform = Platform::start(home).await;
    let amy = platform.owner("amy").await;
    let (_, bob) = platform.member(&amy, "bob", "admin").await;
    let path = format!("/v1/tenants/{}", amy.text("tenant/id"));
    let seen = platform.get(&path, bob.token()).await.expect(200);
    assert_eq!(seen.header("etag"), "\"1\"");
    let name = json!({"name": "New name"});
    let denied = platform.patch(&path, bob.token(), name.clone()).await;
    denied.problem(403, "permission_denied");
    let if_match = [("if-match", "\"1\"")];
    let renamed = platform.call(
        Method::PATCH,
        &path,
        amy.token(),
        &if_match,
        Some(name.clone()),
    );
    let renamed = renamed.await.expect(200);
    assert_eq!(
        (renamed.header("etag"), renamed.text("name")),
        ("\"2\"", "New name")
    );
    let late = platform.call(Method::PATCH, &path, amy.token(), &if_match, Some(name));
    late.await.problem(412, "version_conflict");
    let me = platform.get("/v1/me", bob.token()).await.expect(200);
    assert_eq!(me.body["tenant"]["name"], "New name");
}

async fn an_admin_manages_members_but_no_owners(home: Home) {
    let platform = Platform::start(home).await;
    let amy = platform.owner("amy").await;
    let (bob_in, bob) = platform.member(&amy, "bob", "admin").await;
    let (cat_in, cat) = platform.member(&amy, "cat", "member").await;
    let list = platform
        .get("/v1/members?role=owner", bob.token())
        .await
        .expect(200);
    let owner = format!("/v1/members/{}", list.text("items/0/id"));
    let cats = format!("/v1/members/{}", cat_in["id"].as_str().unwrap());

    let add = |role: &str| json!({"email": "dan@example.com", "role": role});
    platform
        .post("/v1/members", bob.token(), add("owner"))
        .await
        .problem(403, "owner_required");
    platform
        .patch(&cats, bob.token(), json!({"role": "owner"}))
        .await
        .problem(403, "owner_required");
    platform
        .patch(&owner, bob.token(), json!({"role": "member"}))
        .await
        .problem(403, "owner_required");
    platform
        .delete(&owner, bob.token())
        .await
        .problem(403, "owner_required");

    platform.get("/v1/members", cat.token()).await.expect(200);
    platform
        .post("/v1/members", cat.token(), add("member"))
        .await
        .problem(403, "permission_denied");
    platform
        .patch(&cats, cat.token(), json!({"role": "admin"}))
        .await
        .problem(403, "permission_denied");
    platform
        .delete(&cats, cat.token())
        .await
        .problem(403, "permission_denied");

    let added = platform
        .post("/v1/members", bob.token(), add("member"))
        .await
        .expect(201);
    let twice = platform
        .post("/v1/members", bob.token(), add("member"))
        .await;
    twice.problem(409, "already_member");
    let dans = format!("/v1/members/{}", added.text("member/id"));
    platform
        .patch(&dans, bob.token(), json!({"role": "admin"}))
        .await
        .expect(200);
    platform.delete(&dans, bob.token()).await.expect(204);
    platform
        .get(&dans, bob.token())
        .await
        .problem(404, "not_found");

    let bobs = format!("/v1/members/{}", bob_in["id"].as_str().unwrap());
    platform
        .patch(&bobs, amy.token(), json!({"role": "owner"}))
        .await
        .expect(200);
}

async fn a_tenant_keeps_an_owner_even_if_two_leave_at_once(home: Home) {
    let platform = Platform::start(home).await;
    let amy = platform.owner("amy").await;
    let list = platform.get("/v1/members", amy.token()).await.expect(200);
    let amys = format!("/v1/members/{}", list.text("items/0/id"));
    platform
        .delete(&amys, amy.token())
        .await
        .problem(409, "last_owner");
    platform
        .patch(&amys, amy.token(), json!({"role": "member"}))
        .await
        .problem(409, "last_owner");
    let (bob_in, bob) = platform.member(&amy, "bob", "owner").await;
    let bobs = format!("/v1/members/{}", bob_in["id"].as_str().unwrap());
    let (a, b) = tokio::join!(
        platform.delete(&amys, amy.token()),
        platform.patch(&bobs, bob.token(), json!({"role": "member"})),
    );
    let statuses = [a.status.as_u16(), b.status.as_u16()];
    assert!(
        matches!(statuses, [204, 409] | [409, 200]),
        "{statuses:?} {} {}",
        a.body,
        b.body
    );
}

async fn a_changed_role_makes_older_tokens_stale_at_once(home: Home) {
    let platform = Platform::start(home).await;
    let amy = platform.owner("amy").await;
    let (bob_in, bob) = platform.member(&amy, "bob", "admin").await;
    let bobs = format!("/v1/members/{}", bob_in["id"].as_str().unwrap());
    platform
        .patch(&bobs, amy.token(), json!({"role": "member"}))
        .await
        .expect(200);
    let add = json!({"email": "dan@example.com", "role": "member"});
    platform
        .post("/v1/members", bob.token(), add.clone())
        .await
        .problem(401, "token_stale");
    platform.clock.advance(chrono::Duration::milliseconds(2));
    let bob = refreshed(&platform, &bob).await;
    let me = platform.get("/v1/me", bob.token()).await.expect(200);
    assert_eq!(me.body["roles"], json!(["member"]));
    assert_eq!(me.body["tenants"][0]["role"], "member");
    platform
        .post("/v1/members", bob.token(), add)
        .await
        .problem(403, "permission_denied");

    platform.delete(&bobs, amy.token()).await.expect(204);
    platform
        .get("/v1/members", bob.token())
        .await
        .problem(401, "token_stale");
    platform.clock.advance(chrono::Duration::milliseconds(2));
    let bob = refreshed(&platform, &bob).await;
    assert!(bob.body["tenant"].is_null());
    let me = platform.get("/v1/me", bob.token()).await.expect(200);
    assert_eq!(me.body["tenants"], json!([]));
}

async fn lists_come_in_pages(home: Home) {
    let platform = Platform::start(home).await;
    let operator = platform.operator().await;
    for number in 0..5 {
        platform.clock.advance(chrono::Duration::milliseconds(1));
        let body = json!({"name": format!("Tenant {number}")});
        platform
            .post("/v1/tenants", &operator, body)
            .await
            .expect(201);
    }
    for (sort, first) in [("", "Tenant 0"), ("&sort=-created_at", "Tenant 4")] {
        let mut names: Vec<Value> = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/v1/tenants?limit=2{sort}{cursor}");
            let page = platform.get(&path, &operator).await.expect(200);
            let items = page.body["items"].as_array().unwrap();
            names.extend(items.iter().map(|item| item["name"].clone()));
            match page.body["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(names.len(), 5);
        assert_eq!(names[0], first);
    }
    let found = platform
        .get("/v1/tenants?q=TENANT%203", &operator)
        .await
        .expect(200);
    assert_eq!(found.body["items"].as_array().unwrap().len(), 1);
    for literal in ["%25", "_"] {
        let none = platform
            .get(&format!("/v1/tenants?q={literal}"), &operator)
            .await
            .expect(200);
        assert_eq!(
            none.body["items"],
            json!([]),
            "{literal} has no special meaning"
        );
    }
    let one = platform
        .get("/v1/tenants?slug=tenant-2", &operator)
        .await
        .expect(200);
    assert_eq!(one.body["items"].as_array().unwrap().len(), 1);
    for bad in [
        "limit=0",
        "limit=201",
        "limit=x",
        "sort=name",
        "status=odd",
        "q=%00",
    ] {
        platform
            .get(&format!("/v1/tenants?{bad}"), &operator)
            .await
            .problem(400, "invalid_query");
    }
    platform
        .get("/v1/tenants?cursor=x", &operator)
        .await
        .problem(400, "invalid_cursor");
}

async fn what_is_read_is_what_was_written(home: Home) {
    let platform = Platform::start(home).await;
    let other = platform.another().await;
    let operator = platform.operator().await;
    let body = json!({"name": "Acme"});
    let made = platform
        .post("/v1/tenants", &operator, body)
        .await
        .expect(201);
    let path = format!("/v1/tenants/{}", made.text("id"));
    for round in 0..5 {
        let name = format!("Name {round}");
        // Cached by both; written through one.
        other.api.get(&path, &operator).await.expect(200);
        platform.get(&path, &operator).await.expect(200);
        platform
            .patch(&path, &operator, json!({"name": name}))
            .await
            .expect(200);
        let read = platform.get(&path, &operator).await.expect(200);
        assert_eq!(read.text("name"), name);
        // The other follows, and never goes back once it has.
        loop {
            let there = other.api.get(&path, &operator).await.expect(200);
            if there.text("name") == name {
                break;
            }
            tokio::task::yield_now().await;
        }
        let there = other.api.get(&path, &operator).await.expect(200);
        assert_eq!(there.text("name"), name);
    }
}
