//! What the registry keeps is the platform's: whatever succeeds for the one who may is tried,
//! identically, by a tenant's owner, by another service and by nobody.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;

use saas_domain::{Permission, Role};
use saas_security::InternalRole;
use serde_json::{Value, json};
use support::{EventStream, Home, Registry};

/// Who may.
#[derive(Clone, Copy)]
enum May {
    /// A person with the permission.
    Person(Permission),
    /// The service itself.
    Service,
    /// A gateway.
    Gateway,
}

/// An operation, who may, and a request of theirs that succeeds. `{service}` and `{route}` are
/// fresh for each.
type Case = (&'static str, May, &'static str, &'static str, Value, u16);

const INSTANCES: &str = "/v1/services/{service}/instances";
const INSTANCE: &str = "/v1/services/{service}/instances/a";
const BEAT: &str = "/v1/services/{service}/instances/a/heartbeat";
const DRAIN: &str = "/v1/services/{service}/instances/a/drain";
const GATEWAY: &str = "/internal/v1/gateways/00000000-0000-0000-0000-000000000001";
const REPORT: &str = "/internal/v1/gateways/00000000-0000-0000-0000-000000000001/report";

/// Every operation.
fn cases() -> Vec<Case> {
    let read = May::Person(Permission::RegistryRead);
    let manage = May::Person(Permission::RegistryManage);
    let route = May::Person(Permission::RouteManage);
    let (service, gateway) = (May::Service, May::Gateway);
    let get = |id, path| (id, read, "GET", path, Value::Null, 200);
    let bare = |id, may, method, path, status| (id, may, method, path, Value::Null, status);
    let off = json!({"is_active": false});
    let new = json!({"address": "127.0.0.1", "port": 9000});
    let shop = json!({"path": "/new-{service}", "service": "{service}"});
    let closed = json!({"is_enabled": false});
    let report = json!({"seen": null});
    let one = "/v1/services/{service}";
    let way = "/v1/routes/{route}";
    vec![
        get("list_services", "/v1/services"),
        get("get_service", one),
        ("change_service", manage, "PATCH", one, off, 200),
        get("list_instances", INSTANCES),
        ("register_instance", service, "POST", INSTANCES, new, 201),
        bare("renew_instance", service, "PUT", BEAT, 200),
        bare("drain_instance", service, "POST", DRAIN, 200),
        bare("undrain_instance", service, "DELETE", DRAIN, 204),
        bare("deregister_instance", service, "DELETE", INSTANCE, 204),
        get("list_routes", "/v1/routes"),
        ("create_route", route, "POST", "/v1/routes", shop, 201),
        get("get_route", way),
        ("change_route", route, "PATCH", way, closed, 200),
        bare("delete_route", route, "DELETE", way, 204),
        get("follow_changes", "/v1/stream"),
        get("list_targets", "/prometheus/targets"),
        get("list_gateways", "/v1/gateways"),
        ("report_gateway", gateway, "POST", REPORT, report, 200),
        bare("forget_gateway", gateway, "DELETE", GATEWAY, 204),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_endpoint_is_closed_to_tenants_and_other_services() {
    let covered: BTreeSet<String> = cases().iter().map(|case| case.0.to_owned()).collect();
    assert_eq!(
        described(),
        covered,
        "each endpoint has its case here, and no other"
    );
    let home = Home::sqlite().await;
    let registry = Registry::production(&home, "a-token-for-monitoring-0123456789").await;
    let core = registry.with_core().await;
    let owner = core.token(&Role::Owner.permissions());
    let billing = registry.registration("billing", true);
    let monitor = "a-token-for-monitoring-0123456789";
    for (number, (id, may, method, path, body, status)) in cases().into_iter().enumerate() {
        let service = format!("orders-{number}");
        registry.register(&service, "a", 60).await.expect(201);
        let shop = json!({"path": format!("/{service}"), "service": service});
        let router = core.token(&[Permission::RouteManage]);
        let made = registry.call("POST", "/v1/routes", &router, &shop).await;
        let route = made.expect(201).text("id");
        let fill = |text: &str| {
            text.replace("{service}", &service)
                .replace("{route}", &route)
        };
        let path = fill(path);
        let body: Value = serde_json::from_str(&fill(&body.to_string())).unwrap();

        for (stranger, token) in [("a tenant's owner", &owner), ("another service", &billing)] {
            let answer = registry.call(method, &path, token, &body).await;
            assert_eq!(answer.status, 403, "{id} by {stranger}: {}", answer.body);
            let told = answer.body.to_string();
            assert!(!told.contains("127.0.0.1"), "{id} tells nothing: {told}");
        }
        let answer = registry.call(method, &path, "", &body).await;
        answer.problem(401, "token_required");
        if method != "GET" {
            let answer = registry.call(method, &path, monitor, &body).await;
            assert_eq!(answer.status, 403, "{id} by the monitor: {}", answer.body);
        }

        let token = match may {
            May::Person(permission) => core.token(&[Permission::RegistryRead, permission]),
            May::Service => registry.registration(&service, false),
            May::Gateway => registry.internal(InternalRole::Gateway),
        };
        if id == "follow_changes" {
            // It never ends: the first event is enough.
            let mut stream = EventStream::open(&registry.url(&path), &token, None).await;
            assert!(stream.next().await.is_some(), "{id}");
            continue;
        }
        let answer = registry.call(method, &path, &token, &body).await;
        assert_eq!(answer.status, status, "{id}: {}", answer.body);
    }
}

/// Every operation of the description.
fn described() -> BTreeSet<String> {
    let openapi = serde_json::to_value(saas_registry::openapi()).unwrap();
    let paths = openapi["paths"].as_object().unwrap();
    let operations = paths
        .values()
        .flat_map(|item| item.as_object().unwrap().values());
    let names = operations.filter_map(|operation| operation["operationId"].as_str());
    names.map(str::to_owned).collect()
}
