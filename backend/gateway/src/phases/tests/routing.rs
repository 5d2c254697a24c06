use super::*;

#[test]
fn the_convention_leads_to_services_without_its_prefix() {
    let bench = Bench::new(Vec::new());
    for (path, to) in [
        ("/api/orders/v1/list", "/v1/list"),
        ("/api/orders/", "/"),
        ("/api/orders", "/"),
        ("/api/orders/a%20b/%E4%B8%AD", "/a%20b/%E4%B8%AD"),
    ] {
        assert_eq!(bench.signed_in(path), Outcome::to("orders", to), "{path}");
    }
    for path in [
        "/api/nobody/x",
        "/api/Orders/x",
        "/api/",
        "/api",
        "/api/-/x",
    ] {
        let outcome = bench.signed_in(path);
        assert_eq!(outcome, Outcome::Refused(404, "not_found"), "{path}");
    }
    assert_eq!(
        bench.signed_in("/api/inactive/x"),
        Outcome::Refused(503, "service_inactive")
    );
}

#[test]
fn peoples_routes_come_first() {
    let bench = Bench::new(vec![
        Route {
            strip_path: true,
            ..route("/shop/v2", "orders")
        },
        Route {
            hosts: vec!["shop.test".into()],
            ..route("/", "orders")
        },
        Route {
            methods: vec!["PUT".into()],
            ..route("/put", "orders")
        },
        route("/nowhere", "unheard-of"),
        route("/api/orders/mine", "registry"),
        route("/to-gateway", "gateway"),
    ]);
    assert_eq!(
        bench.signed_in("/shop/v2/cart"),
        Outcome::to("orders", "/cart")
    );
    assert_eq!(bench.signed_in("/shop/v2"), Outcome::to("orders", "/"));
    assert_eq!(
        bench.signed_in("/api/orders/mine"),
        Outcome::to("registry", "/api/orders/mine")
    );
    assert_eq!(
        bench.signed_in("/nowhere"),
        Outcome::Refused(503, "service_unknown")
    );
    assert_eq!(
        bench.signed_in("/to-gateway"),
        Outcome::Refused(404, "not_found")
    );
    assert_eq!(
        bench.signed_in("/put"),
        Outcome::Refused(405, "method_not_allowed")
    );
    let token = bench.token(&claims());
    for host in ["shop.test", "SHOP.test:443", "shop.test."] {
        let request = FakeRequest::get("/anything").host(host).bearer(&token);
        assert_eq!(
            bench.send(&request),
            Outcome::to("orders", "/anything"),
            "{host}"
        );
    }
}

#[test]
fn own_end_points_the_console_and_core() {
    let bench = Bench::new(vec![Route {
        access: Access::Public,
        ..route("/health", "orders")
    }]);
    let send = |request: FakeRequest| bench.send(&request);
    for own in ["/health", "/health/live", "/health/ready", "/metrics"] {
        assert_eq!(send(FakeRequest::get(own)), Outcome::Own, "{own}");
    }
    assert_eq!(
        send(FakeRequest::new("POST", "/metrics")),
        Outcome::Refused(405, "method_not_allowed")
    );
    assert_eq!(
        send(FakeRequest::get("/.well-known/jwks.json")),
        Outcome::to("core", "/.well-known/jwks.json")
    );
    for page in ["/", "/tenants/1", "/assets/app.js"] {
        assert_eq!(send(FakeRequest::get(page)), Outcome::Console, "{page}");
    }
    for nothing in [
        "/internal/v1/stream",
        "/metrics/x",
        "/.well-known",
        "/Health",
    ] {
        let outcome = send(FakeRequest::get(nothing));
        assert_eq!(outcome, Outcome::Refused(404, "not_found"), "{nothing}");
    }
    let outcome = send(FakeRequest::new("POST", "/tenants"));
    assert_eq!(outcome, Outcome::Refused(404, "not_found"));
}

#[test]
fn preflights_are_answered_here_and_only_for_known_origins() {
    let bench = Bench::new(Vec::new());
    let preflight = |origin: &str| {
        FakeRequest::new("OPTIONS", "/api/orders/x")
            .with("origin", origin)
            .with("access-control-request-method", "PUT")
            .with(
                "access-control-request-headers",
                "authorization, x-csrf-token",
            )
    };
    for (origin, credentials) in [("https://app.test", false), ("http://console.test", true)] {
        let (outcome, trail) = bench.pass(&preflight(origin));
        assert_eq!(outcome, Outcome::Preflight);
        let mut headers = HeaderMap::new();
        trail.cors.write(&mut headers);
        assert_eq!(headers["access-control-allow-origin"], origin);
        assert_eq!(
            headers.contains_key("access-control-allow-credentials"),
            credentials
        );
        assert_eq!(
            headers["access-control-allow-headers"],
            "authorization, x-csrf-token"
        );
        assert_eq!(headers["vary"], "Origin");
    }
    for other in [
        "https://evil.test",
        "null",
        "https://app.test.evil",
        "HTTPS://APP.TEST",
    ] {
        let (outcome, trail) = bench.pass(&preflight(other));
        assert_eq!(outcome, Outcome::Refused(403, "origin_refused"), "{other}");
        assert!(trail.cors.grant().is_none());
    }
    let strange = FakeRequest::new("OPTIONS", "/api/orders/x")
        .with("origin", "https://app.test")
        .with("access-control-request-method", "PUT")
        .with("access-control-request-headers", "a<script>");
    let mut headers = HeaderMap::new();
    bench.pass(&strange).1.cors.write(&mut headers);
    assert!(!headers.contains_key("access-control-allow-headers"));
}

#[test]
fn refusals_can_be_read_by_the_page_too() {
    let bench = Bench::new(Vec::new());
    let request = FakeRequest::get("/api/orders/x").with("origin", "https://app.test");
    let (outcome, trail) = bench.pass(&request);
    assert_eq!(outcome, Outcome::Refused(401, "token_required"));
    assert_eq!(trail.cors.grant().unwrap().origin, "https://app.test");
}
