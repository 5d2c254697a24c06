//! Two tenants: whatever succeeds for one is tried, identically, by the other.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use std::collections::BTreeSet;

use hyper::Method;
use serde_json::{Value, json};
use support::{Answer, Home, Platform};

on_both!(every_endpoint_keeps_two_tenants_apart);

/// What a call does for its owner, and what it does for somebody of another tenant.
enum Case {
    /// No token needed, and nothing of a tenant in it.
    Public,
    /// A list: succeeds for both, and neither sees what is the other's.
    List(&'static str),
    /// One thing of the tenant's or the person's: the stranger is told that there is none.
    Thing(Method, &'static str, Value, u16),
    /// Makes something in the caller's own tenant.
    Create(&'static str, Value),
    /// Concerns the caller alone: there is nothing to name of anybody else's.
    Own(Method, &'static str),
    /// For operators: no tenant's owner may.
    Operator(Method, &'static str),
}

fn cases() -> Vec<(&'static str, Case)> {
    use Case::{Create, List, Operator, Own, Public, Thing};
    let (get, post, patch) = (Method::GET, Method::POST, Method::PATCH);
    let mut cases = invitation_cases();
    cases.extend([
        ("login", Public),
        ("refresh", Public),
        ("logout", Public),
        ("sign_up", Public),
        ("jwks", Public),
        ("assertion_jwks", Public),
        ("openid_configuration", Public),
        ("me", Own(get.clone(), "/v1/me")),
        ("change_password", Own(post.clone(), "/v1/me/password")),
        ("list_roles", Own(get.clone(), "/v1/roles")),
        ("list_permissions", Own(get.clone(), "/v1/permissions")),
        ("list_sessions", List("/v1/sessions")),
        ("list_members", List("/v1/members")),
        ("list_audit_events", List("/v1/audit-events")),
        (
            "add_member",
            Create(
                "/v1/members",
                json!({"email": "new@example.com", "role": "member"}),
            ),
        ),
        (
            "get_tenant",
            Thing(get.clone(), "/v1/tenants/{tenant}", Value::Null, 200),
        ),
        (
            "update_tenant",
            Thing(
                patch.clone(),
                "/v1/tenants/{tenant}",
                json!({"name": "N"}),
                200,
            ),
        ),
        (
            "switch_tenant",
            Thing(
                post.clone(),
                "/v1/auth/switch-tenant",
                json!({"tenant_id": "{tenant}"}),
                200,
            ),
        ),
        (
            "get_member",
            Thing(get.clone(), "/v1/members/{member}", Value::Null, 200),
        ),
        (
            "update_member",
            Thing(patch, "/v1/members/{member}", json!({"role": "admin"}), 200),
        ),
        (
            "remove_member",
            Thing(Method::DELETE, "/v1/members/{member}", Value::Null, 204),
        ),
        (
            "end_session",
            Thing(Method::DELETE, "/v1/sessions/{session}", Value::Null, 204),
        ),
        ("list_tenants", Operator(get.clone(), "/v1/tenants")),
        ("create_tenant", Operator(post.clone(), "/v1/tenants")),
        (
            "suspend_tenant",
            Operator(post.clone(), "/v1/tenants/{tenant}/suspend"),
        ),
        (
            "activate_tenant",
            Operator(post.clone(), "/v1/tenants/{tenant}/activate"),
        ),
        ("list_users", Operator(get.clone(), "/v1/users")),
        ("get_user", Operator(get.clone(), "/v1/users/{user}")),
        (
            "disable_user",
            Operator(post.clone(), "/v1/users/{user}/disable"),
        ),
        (
            "enable_user",
            Operator(post.clone(), "/v1/users/{user}/enable"),
        ),
        (
            "reset_password",
            Operator(post, "/v1/users/{user}/reset-password"),
        ),
        ("show_traffic", Operator(get.clone(), "/v1/traffic")),
        ("show_recovery", Operator(get, "/v1/recovery")),
    ]);
    cases
}

fn invitation_cases() -> Vec<(&'static str, Case)> {
    use Case::{List, Thing};
    vec![
        ("list_invitations", List("/v1/invitations")),
        (
            "withdraw_invitation",
            Thing(
                Method::DELETE,
                "/v1/invitations/{invitation}",
                Value::Null,
                204,
            ),
        ),
        (
            "accept_invitation",
            Thing(
                Method::POST,
                "/v1/me/invitations/accept",
                json!({"code": "{code}"}),
                200,
            ),
        ),
    ]
}

/// One tenant's owner and the names of what is theirs.
struct Side {
    owner: Answer,
    names: Vec<(&'static str, String)>,
}

impl Side {
    /// A tenant with a second member and an invitation, and its owner with a second session, all
    /// fresh.
    async fn new(platform: &Platform, name: &str, number: usize) -> Self {
        let name = format!("{name}{number}");
        let owner = platform.owner(&name).await;
        let (member, _) = platform
            .member(&owner, &format!("{name}-colleague"), "member")
            .await;
        let invited = platform.invite(&owner, support::ADMIN, "member").await;
        platform.clock.advance(chrono::Duration::milliseconds(1));
        let email = owner.text("user/email");
        platform.login(email, support::PASSWORD).await.expect(200);
        let sessions = platform
            .get("/v1/sessions?sort=-created_at", owner.token())
            .await
            .expect(200);
        Self {
            names: vec![
                ("{tenant}", owner.text("tenant/id").to_owned()),
                ("{user}", owner.text("user/id").to_owned()),
                ("{member}", member["id"].as_str().unwrap().to_owned()),
                ("{invitation}", invited.text("invitation/id").to_owned()),
                ("{session}", sessions.text("items/0/id").to_owned()),
            ],
            owner,
        }
    }

    /// This one's owner invited by the other.
    async fn invited_by(mut self, platform: &Platform, host: &Self) -> Self {
        let email = self.owner.text("user/email");
        let invited = platform.invite(&host.owner, email, "member").await;
        let code = invited.text("invitation/code").to_owned();
        self.names.push(("{code}", code));
        self
    }

    fn fill(&self, text: &str) -> String {
        let fill = |text: String, (name, id): &(&str, String)| text.replace(name, id);
        self.names.iter().fold(text.to_owned(), fill)
    }

    async fn call(&self, platform: &Platform, method: &Method, path: &str, body: &Value) -> Answer {
        let body: Value = serde_json::from_str(&self.fill(&body.to_string())).unwrap();
        let body = (!body.is_null()).then_some(body);
        platform
            .call(
                method.clone(),
                &self.fill(path),
                self.owner.token(),
                &[],
                body,
            )
            .await
    }
}

async fn every_endpoint_keeps_two_tenants_apart(home: Home) {
    let platform = Platform::start(home).await;
    let described = described();
    let covered: BTreeSet<String> = cases().iter().map(|(id, _)| (*id).to_owned()).collect();
    assert_eq!(
        described, covered,
        "each endpoint has its case here, and no other"
    );
    let theirs = Side::new(&platform, "theirs", 0).await;
    for (number, (id, case)) in cases().into_iter().enumerate() {
        match case {
            Case::Public => {}
            Case::Own(method, path) => {
                platform
                    .call(method, path, "", &[], None)
                    .await
                    .problem(401, "token_required");
            }
            Case::List(path) => {
                let ours = Side::new(&platform, "ours", number).await;
                let mine = ours
                    .call(&platform, &Method::GET, path, &Value::Null)
                    .await
                    .expect(200);
                let other = theirs
                    .call(&platform, &Method::GET, path, &Value::Null)
                    .await
                    .expect(200);
                let (mine, other) = (ids(&mine), ids(&other));
                assert!(!mine.is_empty() && !other.is_empty(), "{id}");
                assert!(mine.is_disjoint(&other), "{id}: {mine:?} {other:?}");
            }
            Case::Create(path, body) => {
                let ours = Side::new(&platform, "ours", number).await;
                let made = ours
                    .call(&platform, &Method::POST, path, &body)
                    .await
                    .expect(201);
                let made = format!("/v1/members/{}", made.text("member/id"));
                platform.get(&made, ours.owner.token()).await.expect(200);
                platform
                    .get(&made, theirs.owner.token())
                    .await
                    .problem(404, "not_found");
            }
            Case::Thing(method, path, body, status) => {
                // The owner first, so that a 404 for the stranger means something.
                let ours = Side::new(&platform, "ours", number).await;
                let ours = ours.invited_by(&platform, &theirs).await;
                ours.call(&platform, &method, path, &body)
                    .await
                    .expect(status);
                let ours = Side::new(&platform, "again", number).await;
                let ours = ours.invited_by(&platform, &theirs).await;
                let body: Value = serde_json::from_str(&ours.fill(&body.to_string())).unwrap();
                let body = (!body.is_null()).then_some(body);
                let path = ours.fill(path);
                let stranger =
                    platform.call(method.clone(), &path, theirs.owner.token(), &[], body);
                let stranger = stranger.await.problem(404, "not_found");
                assert!(
                    !stranger.body.to_string().contains("again"),
                    "{id} tells nothing"
                );
            }
            Case::Operator(method, path) => {
                let body = json!({"name": "x"});
                let own = theirs.call(&platform, &method, path, &body).await;
                own.problem(403, "permission_denied");
            }
        }
    }
}

/// Every operation of the description.
fn described() -> BTreeSet<String> {
    let openapi = serde_json::to_value(saas_core::openapi()).unwrap();
    let paths = openapi["paths"].as_object().unwrap();
    let operations = paths
        .values()
        .flat_map(|item| item.as_object().unwrap().values());
    operations
        .filter_map(|operation| operation["operationId"].as_str())
        .map(str::to_owned)
        .collect()
}

fn ids(list: &Answer) -> BTreeSet<String> {
    let items = list.body["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["id"].as_str().unwrap().to_owned())
        .collect()
}
