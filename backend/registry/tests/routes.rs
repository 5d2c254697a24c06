//! Routes, and taking services out: on both databases.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use saas_domain::{Clock, Permission};
use saas_security::InternalRole;
use saas_storage::core::audit::{self, AuditFilter};
use serde_json::{Value, json};
use support::{Home, Registry, call};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_route_lives_on_sqlite() {
    a_route_lives(&Home::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_route_lives_on_postgres() {
    a_route_lives(&Home::postgres().await).await;
}

async fn a_route_lives(home: &Home) {
    let registry = Registry::start(home, Clock::system()).await;
    let core = registry.with_core().await;
    let token = core.token(&[Permission::RouteManage, Permission::RegistryRead]);
    let body = json!({
        "name": "商店", "hosts": ["Shop.Example.com"], "path": "/shop/", "methods": ["POST", "GET"],
        "service": "orders", "strip_path": true, "required_permission": "order:read",
    });
    let made = registry
        .call("POST", "/v1/routes", &token, &body)
        .await
        .expect(201);
    let one = format!("/v1/routes/{}", made.text("id"));
    assert_eq!(made.header("location"), one);
    assert_eq!(made.header("etag"), "\"1\"");
    assert_eq!(made.body["hosts"], json!(["shop.example.com"]));
    assert_eq!(made.body["path"], "/shop");
    assert_eq!(made.body["methods"], json!(["GET", "POST"]));
    assert_eq!(made.body["access"], "authenticated");
    assert_eq!(made.body["is_enabled"], true);
    let read = registry
        .call("GET", &one, &token, &Value::Null)
        .await
        .expect(200);
    assert_eq!(read.body, made.body);

    let url = registry.url(&one);
    let disable = json!({"is_enabled": false, "required_permission": null});
    let matching = [("if-match", "\"1\"")];
    let gateway = registry.internal(InternalRole::Gateway);
    let by_gateway = [
        ("if-match", "\"1\""),
        ("x-forwarded-for", "203.0.113.9"),
        ("x-saas-gateway", &gateway),
    ];
    let changed = call("PATCH", &url, &token, &disable, &by_gateway)
        .await
        .expect(200);
    assert_eq!(changed.header("etag"), "\"2\"");
    assert_eq!(changed.body["required_permission"], Value::Null);
    assert_eq!(changed.body["name"], "商店");
    let answer = call("PATCH", &url, &token, &disable, &matching).await;
    answer.problem(412, "version_conflict");
    let answer = call("DELETE", &url, &token, &Value::Null, &matching).await;
    answer.problem(412, "version_conflict");
    let same = call("PATCH", &url, &token, &disable, &[]).await.expect(200);
    assert_eq!(same.header("etag"), "\"2\"");
    let list = registry
        .call("GET", "/v1/routes?is_enabled=true", &token, &Value::Null)
        .await;
    assert_eq!(list.expect(200).body["items"], json!([]));
    call(
        "DELETE",
        &url,
        &token,
        &Value::Null,
        &[("if-match", "\"2\""), ("x-forwarded-for", "203.0.113.9")],
    )
    .await
    .expect(204);
    let answer = registry.call("GET", &one, &token, &Value::Null).await;
    answer.problem(404, "not_found");
    let answer = registry.call("PATCH", &one, &token, &disable).await;
    answer.problem(404, "not_found");

    let tx = registry.database.system_read("test").await.unwrap();
    let entries = audit::list(&tx, None, &AuditFilter::default(), None, 10)
        .await
        .unwrap();
    let actions: Vec<_> = entries.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["route.delete", "route.change", "route.create"]);
    // Only a gateway is believed to be in the way of somebody else.
    let addresses: Vec<_> = entries
        .iter()
        .map(|entry| entry.address.as_deref().unwrap())
        .collect();
    assert_eq!(addresses, ["127.0.0.1", "203.0.113.9", "127.0.0.1"]);
    assert!(
        entries
            .iter()
            .all(|entry| entry.actor_id.is_some() && entry.request_id.is_some())
    );
    drop(tx);
    registry.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_routes_for_the_same_requests_clash() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, Clock::system()).await;
    let token = registry.operator();
    let post = async |path: &str, body: &Value| registry.call("POST", path, &token, body).await;
    let shop = json!({"path": "/shop", "service": "orders"});
    let dry = post("/v1/routes?dry_run=true", &shop).await.expect(200);
    assert_eq!(
        (&dry.body["is_accepted"], &dry.body["conflicts"]),
        (&json!(true), &json!([]))
    );
    let list = registry
        .call("GET", "/v1/routes", &token, &Value::Null)
        .await;
    assert_eq!(list.expect(200).body["items"], json!([]));
    let first = post("/v1/routes", &shop).await.expect(201).text("id");

    let dry = post("/v1/routes?dry_run=true", &shop).await.expect(200);
    assert_eq!(dry.body["is_accepted"], false);
    assert_eq!(dry.body["conflicts"][0]["route_id"], first.as_str());
    let clash = post("/v1/routes", &shop)
        .await
        .problem(409, "route_conflict");
    assert!(clash.text("detail").contains(&first));
    // More specific ones, and one that is not in use, are no clash.
    for other in [
        json!({"path": "/shop", "service": "orders", "methods": ["GET"]}),
        json!({"path": "/shop", "service": "orders", "hosts": ["a.example"]}),
        json!({"path": "/shop/new", "service": "orders"}),
    ] {
        post("/v1/routes", &other).await.expect(201);
    }
    let spare = json!({"path": "/shop", "service": "billing", "is_enabled": false});
    let spare = post("/v1/routes", &spare).await.expect(201).text("id");
    let path = format!("/v1/routes/{spare}");
    let enable = json!({"is_enabled": true});
    let dry = registry
        .call("PATCH", &format!("{path}?dry_run=true"), &token, &enable)
        .await;
    assert_eq!(dry.expect(200).body["is_accepted"], false);
    let answer = registry.call("PATCH", &path, &token, &enable).await;
    answer.problem(409, "route_conflict");

    let page = registry
        .call("GET", "/v1/routes?limit=3&sort=-path", &token, &Value::Null)
        .await;
    let page = page.expect(200).body;
    assert_eq!(page["items"][0]["path"], "/shop/new");
    let next = format!(
        "/v1/routes?limit=3&sort=-path&cursor={}",
        page["next_cursor"].as_str().unwrap()
    );
    let rest = registry
        .call("GET", &next, &token, &Value::Null)
        .await
        .expect(200)
        .body;
    assert_eq!(rest["items"].as_array().unwrap().len(), 2);
    assert_eq!(rest["next_cursor"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repeating_a_call_with_its_key_creates_once() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, Clock::system()).await;
    let (url, token) = (registry.url("/v1/routes"), registry.operator());
    let key = [("idempotency-key", "make-shop")];
    let body = json!({"path": "/shop", "service": "orders"});
    let first = call("POST", &url, &token, &body, &key).await.expect(201);
    let second = call("POST", &url, &token, &body, &key).await.expect(201);
    assert_eq!(first.body, second.body);
    let other = json!({"path": "/other", "service": "orders"});
    let answer = call("POST", &url, &token, &other, &key).await;
    answer.problem(422, "idempotency_key_reused");
    // A call that failed used nothing up.
    let key = [("idempotency-key", "make-clash")];
    let clash = call("POST", &url, &token, &body, &key).await;
    clash.problem(409, "route_conflict");
    call("POST", &url, &token, &other, &key).await.expect(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_route_hides_the_platform_itself() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, Clock::system()).await;
    let token = registry.operator();
    for path in [
        "/api/core",
        "/api/core/v1",
        "/internal/x",
        "/health",
        "/metrics",
        "/",
        "/api",
        "/.well-known/x",
    ] {
        let body = json!({"path": path, "service": "orders"});
        let answer = registry.call("POST", "/v1/routes", &token, &body).await;
        answer.problem(422, "reserved_route");
    }
    let body = json!({"path": "/g", "service": "gateway"});
    let answer = registry.call("POST", "/v1/routes", &token, &body).await;
    answer.problem(422, "reserved_route");
    for path in ["/api/orders", "/healthy", "/apis"] {
        let body = json!({"path": path, "service": "orders"});
        registry
            .call("POST", "/v1/routes", &token, &body)
            .await
            .expect(201);
    }
    let body = json!({"path": "/", "service": "web", "hosts": ["www.example.com"]});
    registry
        .call("POST", "/v1/routes", &token, &body)
        .await
        .expect(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_is_taken_out_and_put_back() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, Clock::system()).await;
    let token = registry.operator();
    registry.register("orders", "a", 60).await.expect(201);
    registry.register("billing", "a", 60).await.expect(201);
    let url = registry.url("/v1/services/orders");
    let read = call("GET", &url, &token, &Value::Null, &[])
        .await
        .expect(200);
    let tag = read.header("etag").to_owned();
    let out = json!({"is_active": false});
    let matching = [("if-match", tag.as_str())];
    let changed = call("PATCH", &url, &token, &out, &matching)
        .await
        .expect(200);
    assert_eq!(changed.body["is_active"], false);
    assert_ne!(changed.header("etag"), tag);
    let answer = call(
        "PATCH",
        &url,
        &token,
        &json!({"is_active": true}),
        &matching,
    )
    .await;
    answer.problem(412, "version_conflict");
    let mut stream = registry.stream(None).await;
    let snapshot = stream.next().await.unwrap().data;
    assert_eq!(snapshot["services"][1]["is_active"], false);
    // Another registration does not put it back.
    registry.register("orders", "b", 60).await.expect(201);
    let names = async |query: &str| {
        let path = format!("/v1/services{query}");
        let list = registry
            .call("GET", &path, &token, &Value::Null)
            .await
            .expect(200);
        let items = list.body["items"].as_array().unwrap().clone();
        items
            .iter()
            .map(|i| i["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names("?is_active=false").await, ["orders"]);
    assert_eq!(names("?sort=-name").await, ["orders", "billing"]);
    assert_eq!(names("?name=bill").await, ["billing"]);
    assert_eq!(names("?limit=1").await, ["billing"]);
    let answer = registry
        .call("PATCH", "/v1/services/unknown", &token, &out)
        .await;
    answer.problem(404, "not_found");
}
