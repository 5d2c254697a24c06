//! What the service sees, and what it does not.

use http::Method;
use saas_domain::Clock;
use saas_security::{InternalRole, InternalVerifier, RootSecret};

use crate::support::{Gateway, Upstream, claims, instance, route, service};

async fn gateway() -> (Gateway, Upstream) {
    let upstream = Upstream::echo("a").await;
    let orders = service("orders", vec![instance("a", upstream.address)]);
    (Gateway::start(vec![orders]).await, upstream)
}

#[tokio::test]
async fn identity_comes_from_the_token_and_from_nowhere_else() {
    let (gateway, upstream) = gateway().await;
    let claims = claims();
    let token = gateway.token_of(&claims);
    let mut request = gateway.get("/api/orders/v1/list?a=1").bearer(&token);
    for (name, value) in [
        ("X-Tenant-Id", "forged"),
        ("X_Tenant_Id", "forged"),
        ("x-tenant_id", "forged"),
        ("X-User-Id", "forged"),
        ("X-Session-Id", "forged"),
        ("X-Roles", "operator"),
        ("X_ROLES", "operator"),
        ("X-Plan", "forged"),
        ("X-Saas-Assertion", "forged"),
        ("X-Saas-Anything", "forged"),
        ("X-Forwarded-For", "198.51.100.1"),
        ("X-Forwarded-Host", "forged"),
        ("X-Forwarded-Proto", "forged"),
        ("X-Forwarded-Prefix", "forged"),
        ("X-Real-IP", "198.51.100.1"),
        ("X-Original-URL", "/forged"),
        ("X-HTTP-Method-Override", "forged"),
        ("Forwarded", "for=forged"),
        ("Connection", "X-Named, keep-alive"),
        ("X-Named", "forged"),
        ("Keep-Alive", "forged"),
        ("TE", "forged"),
        ("Proxy-Authorization", "forged"),
        (
            "Cookie",
            "theme=dark; saas_refresh=forged; __Host-saas_refresh=forged",
        ),
        ("X-Kept", "yes"),
        ("Accept-Language", "zh"),
    ] {
        request = request.with(name, value);
    }
    let reply = request.send().await;
    assert_eq!(reply.status, 200);
    let text = String::from_utf8(reply.body.to_vec()).unwrap();
    assert!(
        !text.contains("forged") && !text.contains("operator"),
        "{text}"
    );
    assert!(
        !text.contains("198.51.100.1") && !text.contains(&token),
        "{text}"
    );
    let saw = reply.json();
    let saw = |name: &str| saw["headers"][name].as_str().map(str::to_owned);
    let some = |text: String| Some(text);
    assert_eq!(saw("x-tenant-id"), some(claims.tid.unwrap().to_string()));
    assert_eq!(saw("x-user-id"), some(claims.sub.to_string()));
    assert_eq!(saw("x-session-id"), some(claims.sid.to_string()));
    assert_eq!(saw("x-roles"), some("owner,member".into()));
    assert_eq!(saw("x-plan"), some("basic".into()));
    assert_eq!(saw("x-forwarded-for"), some("127.0.0.1".into()));
    assert_eq!(saw("x-forwarded-proto"), some("http".into()));
    assert_eq!(saw("x-forwarded-host"), some(gateway.address.to_string()));
    assert_eq!(saw("host"), some(upstream.address.to_string()));
    assert_eq!(saw("cookie"), some("theme=dark".into()));
    assert_eq!(saw("x-kept"), some("yes".into()));
    assert_eq!(saw("accept-language"), some("zh".into()));
    assert_eq!(saw("authorization"), None);
    assert_eq!(saw("x-saas-assertion").unwrap().split('.').count(), 3);
    assert_eq!(reply.json()["uri"], "/v1/list?a=1");
}

#[tokio::test]
async fn a_browsers_wish_for_a_cookie_reaches_core_and_nobody_else() {
    let (gateway, _upstream) = gateway().await;
    for (path, name, arrives) in [
        ("/api/core/v1/auth/login", "X-Saas-Session", true),
        ("/api/core/v1/auth/login", "X_Saas_Session", false),
        ("/api/core/v1/auth/login", "X-Saas-Assertion", false),
        ("/api/orders/public/x", "X-Saas-Session", false),
    ] {
        let reply = gateway.get(path).bearer(&gateway.token());
        let reply = reply.with(name, "cookie").send().await;
        assert_eq!(reply.status, 200);
        let text = String::from_utf8(reply.body.to_vec()).unwrap();
        assert_eq!(
            text.contains("\"cookie\""),
            arrives,
            "{path} {name}: {text}"
        );
    }
}

#[tokio::test]
async fn core_hears_from_a_gateway_who_the_client_is() {
    let upstream = Upstream::echo("a").await;
    let orders = service("orders", vec![instance("a", upstream.address)]);
    let gateway = Gateway::with(vec![orders], |settings| {
        settings.trusted_proxies = ["127.0.0.1".parse().unwrap()].into_iter().collect();
    })
    .await;
    let ask = async |path: &str| {
        let reply = gateway
            .get(path)
            .bearer(&gateway.token())
            .with("X-Forwarded-For", "198.51.100.1, 203.0.113.9")
            .with("X-Saas-Gateway", "forged")
            .send()
            .await;
        assert_eq!(reply.status, 200);
        let saw = |name: &str| reply.json()["headers"][name].as_str().map(str::to_owned);
        (saw("x-forwarded-for"), saw("x-saas-gateway"))
    };
    let (client, token) = ask("/api/core/v1/me").await;
    assert_eq!(client.as_deref(), Some("203.0.113.9"));
    let verifier = InternalVerifier::new(&RootSecret::new(&[7; 32], None));
    let role = verifier.verify(&token.unwrap(), Clock::system().now());
    assert_eq!(role.unwrap(), InternalRole::Gateway);
    let (chain, token) = ask("/api/orders/x").await;
    assert_eq!(
        chain.as_deref(),
        Some("198.51.100.1, 203.0.113.9, 127.0.0.1")
    );
    assert_eq!(token, None);
}

#[tokio::test]
async fn nobody_has_no_identity() {
    let (gateway, _upstream) = gateway().await;
    let reply = gateway
        .get("/api/orders/public/x")
        .with("X-User-Id", "forged")
        .send()
        .await;
    let saw = &reply.json()["headers"];
    for name in ["x-tenant-id", "x-user-id", "x-roles", "x-saas-assertion"] {
        assert!(saw[name].is_null(), "{name}: {saw}");
    }
}

#[tokio::test]
async fn the_request_keeps_its_identifier_and_its_trace() {
    let (gateway, _upstream) = gateway().await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let given = format!("00-{trace}-00f067aa0ba902b7-01");
    let reply = gateway
        .get("/api/orders/public/x")
        .with("x-request-id", "mine-1")
        .with("traceparent", &given)
        .send()
        .await;
    let saw = reply.json();
    assert_eq!(saw["headers"]["x-request-id"], "mine-1");
    assert_eq!(reply.header("x-request-id"), "mine-1");
    let passed_on = saw["headers"]["traceparent"].as_str().unwrap();
    assert!(passed_on.contains(trace) && passed_on != given);
    assert_eq!(reply.header("traceparent"), passed_on);

    let reply = gateway
        .get("/api/orders/public/x")
        .with("x-request-id", "a \"quoted\" one")
        .with("traceparent", "nonsense")
        .send()
        .await;
    let own = reply.header("x-request-id");
    assert_eq!(own.len(), 36, "{own}");
    assert_eq!(reply.json()["headers"]["x-request-id"], own);
}

#[tokio::test]
async fn the_token_goes_to_core_and_where_the_route_says_so() {
    let (gateway, _upstream) = gateway().await;
    let token = gateway.token();
    let reply = gateway
        .get("/api/core/v1/me")
        .bearer(&token)
        .with("cookie", "saas_refresh=secret")
        .send()
        .await;
    let saw = reply.json();
    assert_eq!(saw["headers"]["authorization"], format!("Bearer {token}"));
    assert_eq!(saw["headers"]["cookie"], "saas_refresh=secret");
    let mut forwarding = route("/with-token");
    forwarding.forward_token = true;
    gateway.control.add_route(forwarding);
    crate::support::eventually("the route", || async {
        let reply = gateway.get("/with-token").bearer(&token).send().await;
        reply.status == 200 && reply.json()["headers"]["authorization"] == format!("Bearer {token}")
    })
    .await;
}

#[tokio::test]
async fn cross_origin_answers_are_the_gateways_decision() {
    let upstream = Upstream::router(saas_web::axum::Router::new().fallback(|| async {
        (
            [
                ("access-control-allow-origin", "*"),
                ("access-control-allow-credentials", "true"),
                ("x-request-id", "theirs"),
                ("x-mine", "kept"),
                ("x-hop", "gone"),
            ],
            "ok",
        )
    }))
    .await;
    let orders = service("orders", vec![instance("a", upstream.address)]);
    let gateway = Gateway::with(vec![orders], |settings| {
        settings.cors_origins = saas_config::CorsOrigins::Only(vec!["https://app.test".to_owned()]);
    })
    .await;
    let ask = |origin: &'static str| gateway.get("/api/orders/public/x").with("origin", origin);
    let reply = ask("https://app.test").send().await;
    assert_eq!(
        reply.header("access-control-allow-origin"),
        "https://app.test"
    );
    assert_eq!(reply.header("access-control-allow-credentials"), "");
    assert_eq!(reply.header("x-mine"), "kept");
    assert_ne!(reply.header("x-request-id"), "theirs");
    let reply = ask("https://evil.test").send().await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("access-control-allow-origin"), "");
    let reply = ask("http://console.test").send().await;
    assert_eq!(reply.header("access-control-allow-credentials"), "true");
    let preflight = gateway
        .request(&Method::OPTIONS, "/api/orders/x")
        .with("origin", "https://app.test")
        .with("access-control-request-method", "DELETE")
        .send()
        .await;
    assert_eq!(preflight.status, 204);
    assert!(
        preflight
            .header("access-control-allow-methods")
            .contains("DELETE")
    );
}
