//! What bad input gets: the right status, and a problem that says what to do. Never a 500.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use saas_config::Networks;
use saas_security::InternalRole;
use serde_json::{Value, json};
use support::{Home, Registry, http::raw, noon};

const INSTANCES: &str = "/v1/services/orders/instances";

fn with(change: &Value) -> Value {
    let mut body = json!({"address": "127.0.0.1", "port": 9000});
    for (name, value) in change.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_that_is_not_sound_names_the_field() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, noon()).await;
    let long = "a".repeat(300);
    for (change, pointer) in [
        (json!({"address": ""}), "/address"),
        (json!({"address": "http://10.0.0.1"}), "/address"),
        (json!({"address": "10.0.0.1:80"}), "/address"),
        (json!({"address": "a\u{0}b"}), "/address"),
        (json!({"address": long}), "/address"),
        (json!({"address": 7}), "/address"),
        (json!({"port": 0}), "/port"),
        (json!({"port": 65536}), "/port"),
        (json!({"port": "9000"}), "/port"),
        (json!({"id": "with space"}), "/id"),
        (json!({"id": ""}), "/id"),
        (json!({"id": "."}), "/id"),
        (json!({"id": ".."}), "/id"),
        (json!({"scheme": "ftp"}), "/scheme"),
        (json!({"version": "1\n2"}), "/version"),
        (json!({"version": long}), "/version"),
        (json!({"weight": 1001}), "/weight"),
        (json!({"weight": -1}), "/weight"),
        (json!({"lease_seconds": 4}), "/lease_seconds"),
        (json!({"lease_seconds": 1e9}), "/lease_seconds"),
        (json!({"tags": ["ok", ""]}), "/tags/1"),
        (json!({"tags": [long]}), "/tags/0"),
        (json!({"metadata": {"a": long}}), "/metadata"),
        (json!({"metadata": {"a": "\u{0}"}}), "/metadata"),
        (json!({"check": {"type": "ping"}}), "/check/type"),
        (
            json!({"check": {"type": "http", "path": "no"}}),
            "/check/path",
        ),
        (
            json!({"check": {"type": "tcp", "path": "/x"}}),
            "/check/path",
        ),
        (
            json!({"check": {"type": "tcp", "interval_seconds": 0}}),
            "/check/interval_seconds",
        ),
        (
            json!({"gateway": {"public_paths": ["/*"]}}),
            "/gateway/public_paths/0",
        ),
        (
            json!({"gateway": {"public_paths": ["/a/../b"]}}),
            "/gateway/public_paths/0",
        ),
    ] {
        let answer = registry.call("POST", INSTANCES, "", &with(&change)).await;
        let problem = answer.problem(422, "invalid_body");
        let errors = problem.body["errors"].to_string();
        assert!(
            errors.contains(&format!("\"{pointer}\"")),
            "{change}: {errors}"
        );
    }
    let answer = registry
        .call("POST", INSTANCES, "", &with(&json!({"adress": "x"})))
        .await;
    answer.problem(422, "invalid_body");
    let answer = registry
        .call("POST", INSTANCES, "", &json!({"port": 1}))
        .await;
    answer.problem(422, "invalid_body");
    assert!(registry.get("/v1/services").await.expect(200).body["items"] == json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_no_json_object_are_refused() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, noon()).await;
    let url = registry.url(INSTANCES);
    let post = async |body: &[u8]| raw("POST", &url, "", body.to_vec(), &[]).await;
    for bad in [
        &b"{"[..],
        b"{\"address\": \"a\", \"port\": 1}x",
        b"\xff\xfe",
        b"{\"address\": \"\xff\"}",
    ] {
        post(bad).await.problem(400, "malformed_json");
    }
    for wrong in [&b"[]"[..], b"null", b"7", b"\"text\""] {
        post(wrong).await.problem(422, "invalid_body");
    }
    let huge = format!("{{\"address\": \"{}\"}}", "a".repeat(2 << 20));
    post(huge.as_bytes()).await.problem(413, "body_too_large");
    let deep = "[".repeat(100_000);
    assert!(post(deep.as_bytes()).await.status < 500);
    let answer = raw(
        "POST",
        &url,
        "",
        b"{}".to_vec(),
        &[("content-type", "text/plain")],
    )
    .await;
    assert!(
        matches!(answer.status, 400 | 415 | 422),
        "{}",
        answer.status
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paths_and_queries_are_checked() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, noon()).await;
    registry.register("orders", "a", 15).await.expect(201);
    for path in [
        "/v1/services/Orders",
        "/v1/services/a..b",
        "/v1/services/%ff",
        "/v1/services/%00",
        "/v1/services/Orders/instances",
        "/v1/routes/not-a-uuid",
    ] {
        registry.get(path).await.problem(400, "invalid_path");
    }
    for query in [
        "/v1/services?limit=0",
        "/v1/services?limit=201",
        "/v1/services?limit=x",
        "/v1/services?sort=port",
        "/v1/services?is_active=maybe",
        "/v1/services/orders/instances?status=sleeping",
        "/v1/routes?service=Bad%20Name",
    ] {
        let answer = registry.get(query).await;
        assert!(
            matches!(answer.status, 400 | 422),
            "{query}: {}",
            answer.status
        );
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    registry
        .get("/v1/services?cursor=!")
        .await
        .problem(400, "invalid_cursor");
    registry
        .get("/v1/services/unknown")
        .await
        .problem(404, "not_found");
    registry
        .get("/v1/services/unknown/instances")
        .await
        .problem(404, "not_found");
    registry.get("/nothing").await.problem(404, "not_found");
    let answer = registry
        .call("DELETE", "/v1/services", "", &Value::Null)
        .await;
    answer.problem(405, "method_not_allowed");
    let token = registry.operator();
    let drain = "/v1/services/orders/instances/a/drain?wait=601";
    let answer = registry.call("POST", drain, &token, &Value::Null).await;
    assert!(matches!(answer.status, 400 | 422), "{}", answer.status);
    for path in [
        "/v1/services/Orders/instances/a/drain",
        "/v1/services/orders/instances/%00/drain",
    ] {
        let answer = registry.call("DELETE", path, &token, &Value::Null).await;
        answer.problem(400, "invalid_path");
    }
    let url = registry.url("/v1/services/orders");
    let stale = [("if-match", "3")];
    let answer = support::call("PATCH", &url, &token, &json!({"is_active": true}), &stale).await;
    answer.problem(400, "invalid_if_match");
    let answer = registry
        .call("PATCH", "/v1/services/orders", &token, &json!({}))
        .await;
    answer.problem(422, "invalid_body");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_route_that_is_not_sound_names_the_field() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, noon()).await;
    let token = registry.operator();
    for (change, pointer) in [
        (json!({"path": "shop"}), "/path"),
        (json!({"path": "/a//b"}), "/path"),
        (json!({"path": "/a/../b"}), "/path"),
        (json!({"path": "/a?b=c"}), "/path"),
        (json!({"service": "Orders"}), "/service"),
        (json!({"hosts": ["a.example:80"]}), "/hosts/0"),
        (json!({"hosts": ["*.example"]}), "/hosts/0"),
        (json!({"methods": ["get"]}), "/methods/0"),
        (json!({"methods": ["CONNECT"]}), "/methods/0"),
        (json!({"access": "everybody"}), "/access"),
        (
            json!({"required_permission": "read"}),
            "/required_permission",
        ),
        (
            json!({"access": "public", "required_permission": "a:b"}),
            "/required_permission",
        ),
        (json!({"name": ""}), "/name"),
        (json!({"is_enabled": "yes"}), "/is_enabled"),
    ] {
        let mut body = json!({"path": "/shop", "service": "orders"});
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let answer = registry.call("POST", "/v1/routes", &token, &body).await;
        let problem = answer.problem(422, "invalid_body");
        let errors = problem.body["errors"].to_string();
        assert!(
            errors.contains(&format!("\"{pointer}\"")),
            "{change}: {errors}"
        );
    }
    let body = json!({"path": "/shop", "service": "orders", "priority": 1});
    let answer = registry.call("POST", "/v1/routes", &token, &body).await;
    answer.problem(422, "invalid_body");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_nobody_should_connect_to_is_refused() {
    let home = Home::sqlite().await;
    let registry = Registry::start_with(&home, noon(), |settings| {
        let networks = [
            "127.0.0.0/8",
            "169.254.0.0/16",
            "100.64.0.0/10",
            "168.63.129.16",
            "192.0.0.0/24",
            "::/0",
        ];
        settings.upstream_networks = networks
            .iter()
            .map(|network| network.parse().unwrap())
            .collect::<Networks>();
    })
    .await;
    for address in [
        "169.254.169.254",
        "fe80::1",
        "0.0.0.0",
        "::",
        "192.0.2.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd20:ce::254",
    ] {
        let body = with(&json!({"address": address}));
        let answer = registry.call("POST", INSTANCES, "", &body).await;
        answer.problem(422, "address_not_allowed");
    }
    let body = with(&json!({"address": "::1"}));
    registry
        .call("POST", INSTANCES, "", &body)
        .await
        .expect(201);
    let targets = registry.get("/prometheus/targets").await.expect(200).body;
    assert_eq!(targets[0]["targets"], json!(["[::1]:9000"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_that_is_not_sound_names_the_field() {
    // Where a zero byte cannot be stored.
    let home = Home::postgres().await;
    let registry = Registry::start(&home, noon()).await;
    let path = format!("/internal/v1/gateways/{}/report", uuid::Uuid::from_u128(1));
    let token = registry.internal(InternalRole::Gateway);
    let many: serde_json::Map<_, _> = (0..10_001)
        .map(|number| (format!("orders/{number}"), json!(1)))
        .collect();
    let long = "a".repeat(129);
    for (change, pointer) in [
        (json!({"in_flight": {"orders/a\u{0}": 1}}), "/in_flight"),
        (json!({"in_flight": {"orders": 1}}), "/in_flight"),
        (json!({"in_flight": {"orders/a/b": 1}}), "/in_flight"),
        (
            json!({"in_flight": {format!("orders/{long}"): 1}}),
            "/in_flight",
        ),
        (
            json!({"in_flight": {"orders/a": 2_147_483_648_u32}}),
            "/in_flight",
        ),
        (json!({"in_flight": many}), "/in_flight"),
        (json!({"demand": {"tenant:\u{0}": 1}}), "/demand"),
        (json!({"demand": {"": 1}}), "/demand"),
        (json!({"demand": {long: 1}}), "/demand"),
        (json!({"address": "http://10.0.0.5:8000\u{0}"}), "/address"),
        (json!({"address": "10.0.0.5:8000"}), "/address"),
        (json!({"address": "ftp://10.0.0.5:8000"}), "/address"),
        (json!({"address": "http://10.0.0.5"}), "/address"),
        (json!({"address": "http://a:b@10.0.0.5:8000"}), "/address"),
        (
            json!({"address": "http://10.0.0.5:8000/metrics?"}),
            "/address",
        ),
        (json!({"seen": "1--4"}), "/seen"),
        (json!({"seen": "1-9223372036854775808"}), "/seen"),
    ] {
        let mut body = json!({"seen": "1-4"});
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let answer = registry.call("POST", &path, &token, &body).await;
        let problem = answer.problem(422, "invalid_body");
        let errors = problem.body["errors"].to_string();
        let shown: String = change.to_string().chars().take(80).collect();
        assert!(
            errors.contains(&format!("\"{pointer}\"")),
            "{shown}: {errors}"
        );
    }
    let sound = json!({"seen": "1-4", "in_flight": {"orders/a": 2_147_483_647}, "demand": {"address:::1": 1}});
    registry
        .call("POST", &path, &token, &sound)
        .await
        .expect(200);
    registry.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_elsewhere_is_counted_and_not_gone_to() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, noon()).await;
    let path = format!("/internal/v1/gateways/{}/report", uuid::Uuid::from_u128(1));
    let token = registry.internal(InternalRole::Gateway);
    for (address, kept) in [
        ("http://10.0.0.5:8000", true),
        ("http://gateway:8000", true),
        ("http://203.0.113.9:80", false),
        ("http://169.254.169.254:80", false),
        ("http://[fd00:ec2::254]:80", false),
    ] {
        let report = json!({"seen": null, "in_flight": {"orders/a": 1}, "address": address});
        registry
            .call("POST", &path, &token, &report)
            .await
            .expect(200);
        let shown = registry
            .call("GET", "/v1/gateways", &registry.operator(), &Value::Null)
            .await
            .expect(200)
            .body["items"][0]
            .clone();
        let expected = kept.then_some(address);
        assert_eq!(shown["address"], json!(expected));
        assert_eq!(shown["in_flight"], 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateways_own_address_is_no_instances() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, noon()).await;
    let path = format!("/internal/v1/gateways/{}/report", uuid::Uuid::from_u128(1));
    let token = registry.internal(InternalRole::Gateway);
    for address in ["http://127.0.0.1:9000", "http://[::1]:9000/"] {
        let report = json!({"seen": null, "address": address});
        registry
            .call("POST", &path, &token, &report)
            .await
            .expect(200);
        let host = if address.contains("::1") {
            "::1"
        } else {
            "127.0.0.1"
        };
        let circle = with(&json!({"address": host}));
        let answer = registry.call("POST", INSTANCES, "", &circle).await;
        let problem = answer.problem(422, "address_not_allowed");
        assert!(problem.text("detail").contains("gateway"));
        let beside = with(&json!({"address": host, "port": 9001}));
        registry
            .call("POST", INSTANCES, "", &beside)
            .await
            .expect(201);
    }
    // Once it has gone, somebody else may listen there.
    registry.clock.advance(chrono::Duration::seconds(7));
    let body = with(&json!({}));
    registry
        .call("POST", INSTANCES, "", &body)
        .await
        .expect(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_platforms_own_services_cannot_be_taken_out() {
    let home = Home::sqlite().await;
    let registry = Registry::start(&home, noon()).await;
    let operator = registry.operator();
    for name in ["core", "registry"] {
        registry.register(name, "a", 60).await.expect(201);
        let path = format!("/v1/services/{name}");
        let set = async |is_active: bool| {
            let change = json!({"is_active": is_active});
            registry.call("PATCH", &path, &operator, &change).await
        };
        set(false).await.problem(422, "reserved_service");
        assert_eq!(
            registry.get(&path).await.expect(200).body["is_active"],
            true
        );
        // Back in, as it may have been taken out before this was refused.
        set(true).await.expect(200);
    }
}
