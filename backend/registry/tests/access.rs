//! Who may do what.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use saas_config::Environment;
use saas_domain::{Clock, OPERATOR_ROLE, Permission};
use saas_registry_client::wire::EventId;
use saas_security::{InternalRole, InternalSigner, RootSecret};
use serde_json::{Value, json};
use support::{Home, Registry, call, noon};

fn instance() -> Value {
    json!({"address": "127.0.0.1", "port": 9000})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_developer_on_this_machine_registers_without_a_token_and_nobody_else_does() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, noon()).await;
    let url = registry.url("/v1/services/orders/instances");
    let post = async |url: &str, headers: &[(&str, &str)]| {
        call("POST", url, "", &instance(), headers).await
    };
    post(&url, &[]).await.expect(201);
    let local = format!("localhost:{}", registry.address.port());
    post(&url, &[("host", &local)]).await.expect(201);
    for foreign in [
        ("origin", "http://localhost:3000"),
        ("x-forwarded-for", "127.0.0.1"),
        ("forwarded", "for=127.0.0.1"),
        ("sec-fetch-site", "same-origin"),
        ("host", "rebound.example:8001"),
    ] {
        let answer = post(&url, &[foreign]).await;
        answer.problem(401, "token_required");
    }
    // Reading is open, changing needs somebody to hold to account.
    registry.get("/v1/services").await.expect(200);
    let change = json!({"is_active": false});
    let answer = registry
        .call("PATCH", "/v1/services/orders", "", &change)
        .await;
    answer.problem(401, "token_required");
    let route = json!({"path": "/shop", "service": "orders"});
    let answer = registry.call("POST", "/v1/routes", "", &route).await;
    answer.problem(401, "token_required");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_platforms_own_names_are_for_its_own_processes() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, noon()).await;
    for name in ["core", "registry", "gateway"] {
        let path = format!("/v1/services/{name}/instances");
        let answer = registry.call("POST", &path, "", &instance()).await;
        answer.problem(403, "reserved_name");
        let token = registry.registration(name, true);
        let answer = registry.call("POST", &path, &token, &instance()).await;
        answer.problem(403, "reserved_name");
    }
    let core = "/v1/services/core/instances";
    let gateway = registry.internal(InternalRole::Gateway);
    let answer = registry.call("POST", core, &gateway, &instance()).await;
    answer.problem(403, "wrong_role");
    let token = registry.internal(InternalRole::Core);
    registry
        .call("POST", core, &token, &instance())
        .await
        .expect(201);
    let orders = "/v1/services/orders/instances";
    let answer = registry.call("POST", orders, &token, &instance()).await;
    answer.problem(403, "wrong_role");
    // The operator's command line may, and the platform's processes are no targets for Prometheus.
    let operator = registry.operator();
    registry
        .call("POST", core, &operator, &instance())
        .await
        .expect(201);
    assert_eq!(
        registry.get("/prometheus/targets").await.expect(200).body,
        json!([])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_token_opens_its_own_service_and_nothing_else() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, noon()).await;
    let own = "/v1/services/orders/instances";
    let other = "/v1/services/billing/instances";
    let token = registry.registration("orders", false);
    registry
        .call("POST", own, &token, &instance())
        .await
        .expect(201);
    let answer = registry.call("POST", other, &token, &instance()).await;
    answer.problem(403, "wrong_service");
    registry
        .call("GET", own, &token, &Value::Null)
        .await
        .expect(200);
    for path in [
        other,
        "/v1/services",
        "/v1/routes",
        "/v1/stream",
        "/prometheus/targets",
    ] {
        let answer = registry.call("GET", path, &token, &Value::Null).await;
        answer.problem(403, "wrong_service");
    }
    let mut public = instance();
    public["gateway"] = json!({"public_paths": ["/docs"]});
    let answer = registry.call("POST", own, &token, &public).await;
    answer.problem(403, "public_paths_not_allowed");
    let token = registry.registration("orders", true);
    registry
        .call("POST", own, &token, &public)
        .await
        .expect(201);
    registry.clock.advance(chrono::Duration::days(31));
    let answer = registry.call("POST", own, &token, &public).await;
    answer.problem(401, "token_expired");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_production_everything_takes_a_token() {
    let home = Home::sqlite().await;
    let registry = Registry::production(&home, "a-token-for-monitoring-0123456789").await;
    for path in [
        "/v1/services",
        "/v1/routes",
        "/v1/stream",
        "/prometheus/targets",
    ] {
        registry.get(path).await.problem(401, "token_required");
        let monitor = "a-token-for-monitoring-0123456789";
        let url = registry.url(path);
        if path != "/v1/stream" {
            call("GET", &url, monitor, &Value::Null, &[])
                .await
                .expect(200);
        }
        let answer = call("GET", &url, "another", &Value::Null, &[]).await;
        answer.problem(401, "token_invalid");
    }
    let path = "/v1/services/orders/instances";
    let answer = registry.call("POST", path, "", &instance()).await;
    answer.problem(401, "token_required");
    let monitor = "a-token-for-monitoring-0123456789";
    let answer = registry.call("POST", path, monitor, &instance()).await;
    answer.problem(403, "registration_token_required");
    let token = registry.registration("orders", false);
    registry
        .call("POST", path, &token, &instance())
        .await
        .expect(201);
    // Strangers learn the status only.
    let health = registry.get("/health/ready").await.expect(200);
    assert_eq!(health.body, json!({"status": "ok"}));
    registry
        .get("/metrics")
        .await
        .problem(401, "metrics_token_required");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_may_what_the_token_grants() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, Clock::system()).await;
    let core = registry.with_core().await;
    registry.register("orders", "a", 15).await.expect(201);
    let change = json!({"is_active": false});
    let route = json!({"path": "/shop", "service": "orders"});
    let instances = "/v1/services/orders/instances";
    let nobody = core.token(&[]);
    for path in [
        "/v1/services",
        "/v1/services/orders",
        instances,
        "/v1/routes",
        "/v1/stream",
    ] {
        let answer = registry.call("GET", path, &nobody, &Value::Null).await;
        answer.problem(403, "permission_denied");
    }
    let reader = core.token(&[Permission::RegistryRead]);
    registry
        .call("GET", "/v1/services", &reader, &Value::Null)
        .await
        .expect(200);
    let answer = registry
        .call("PATCH", "/v1/services/orders", &reader, &change)
        .await;
    answer.problem(403, "permission_denied");
    let answer = registry.call("POST", "/v1/routes", &reader, &route).await;
    answer.problem(403, "permission_denied");
    let manager = core.token(&[Permission::RegistryRead, Permission::RegistryManage]);
    let answer = registry
        .call("PATCH", "/v1/services/orders", &manager, &change)
        .await;
    assert_eq!(answer.expect(200).body["is_active"], false);
    let answer = registry
        .call("POST", instances, &manager, &instance())
        .await;
    answer.problem(403, "registration_token_required");
    let one = format!("{instances}/a");
    let drain = format!("{one}/drain");
    for (method, done) in [("POST", 200), ("DELETE", 204)] {
        let answer = registry.call(method, &drain, &reader, &Value::Null).await;
        answer.problem(403, "permission_denied");
        registry
            .call(method, &drain, &manager, &Value::Null)
            .await
            .expect(done);
    }
    registry
        .call("DELETE", &one, &manager, &Value::Null)
        .await
        .expect(204);
    let router = core.token(&[Permission::RouteManage]);
    registry
        .call("POST", "/v1/routes", &router, &route)
        .await
        .expect(201);
    let answer = registry
        .call("GET", "/v1/routes", &router, &Value::Null)
        .await;
    answer.problem(403, "permission_denied");
    let report = format!("/internal/v1/gateways/{}/report", uuid::Uuid::nil());
    for token in [
        &manager,
        &registry.operator(),
        &registry.internal(InternalRole::Core),
    ] {
        let answer = registry
            .call("POST", &report, token, &json!({"seen": null}))
            .await;
        answer.problem(403, "gateway_only");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_tokens_are_refused_with_what_to_do() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, Clock::system()).await;
    let core = registry.with_core().await;
    let get = async |token: &str| {
        registry
            .call("GET", "/v1/services", token, &Value::Null)
            .await
    };
    let good = core.claims(&[Permission::RegistryRead]);
    get(&core.sign(&good)).await.expect(200);
    let change = |change: &dyn Fn(&mut saas_domain::AccessClaims)| {
        let mut claims = good.clone();
        change(&mut claims);
        core.sign(&claims)
    };
    let expired = change(&|c| c.exp = c.iat - 1);
    get(&expired).await.problem(401, "token_expired");
    for bad in [
        change(&|c| c.iss = "https://elsewhere.example".to_owned()),
        change(&|c| c.aud = "another".to_owned()),
        "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.e30.".to_owned(),
        "no-token".to_owned(),
        "a.b.c".to_owned(),
        tampered(&core.sign(&good)),
        InternalSigner::new(&RootSecret::new(&[9; 32], None), InternalRole::Operator)
            .token(registry.clock.now())
            .unwrap(),
    ] {
        get(&bad).await.problem(401, "token_invalid");
    }
    let restricted = change(&|c| c.restricted = true);
    get(&restricted)
        .await
        .problem(403, "password_change_required");

    core.revoke(good.sid);
    let token = core.sign(&good);
    loop {
        let answer = get(&token).await;
        if answer.status != 200 {
            answer.problem(401, "session_ended");
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Without core nobody can say whether a session still stands.
    drop(core);
    loop {
        let answer = get(&token).await;
        if answer.status == 503 {
            answer.problem(503, "trust_stale");
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_while_core_is_silent_for_a_moment_waits_and_is_answered() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, Clock::system()).await;
    let core = registry.with_core().await;
    let token = core.token(&[Permission::RegistryRead]);
    let get = async || {
        registry
            .call("GET", "/v1/services", &token, &Value::Null)
            .await
    };
    core.fall_silent(true);
    let speaks_again = tokio::time::sleep(Duration::from_millis(2500));
    let asking = async {
        loop {
            get().await.expect(200);
        }
    };
    tokio::select! {
        () = speaks_again => core.fall_silent(false),
        never = asking => match never {},
    }
    get().await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_suspended_tenant_only_the_operator_goes_on() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, Clock::system()).await;
    let core = registry.with_core().await;
    let member = core.claims(&[Permission::RegistryRead]);
    let mut operator = member.clone();
    operator.roles.push(OPERATOR_ROLE.to_owned());
    let get = async |claims| {
        let token = core.sign(claims);
        registry
            .call("GET", "/v1/services", &token, &Value::Null)
            .await
    };
    core.suspend(member.tid.unwrap());
    loop {
        let answer = get(&member).await;
        if answer.status != 200 {
            answer.problem(403, "tenant_suspended");
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    get(&operator).await.expect(200);
}

/// Another permission in the middle part, under the old signature.
fn tampered(token: &str) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let middle = parts[1].clone();
    let turned = if middle.ends_with('A') { "B" } else { "A" };
    parts[1] = format!("{}{turned}", &middle[..middle.len() - 1]);
    parts.join(".")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn event_identifiers_of_client_and_server_agree() {
    let home = Home::sqlite().await;
    let registry = Registry::start_with(&home, noon(), |settings| {
        settings.environment = Environment::Development;
    })
    .await;
    registry.register("orders", "a", 15).await.expect(201);
    let mut stream = registry.stream(None).await;
    stream.next().await.unwrap();
    let seen: EventId = stream.seen.parse().unwrap();
    assert_eq!(seen.number, 1);
    assert_eq!(
        seen.epoch,
        registry.database.installation().await.unwrap().epoch
    );
}
