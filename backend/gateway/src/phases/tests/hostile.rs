use super::*;

fn refused(request: &FakeRequest) -> (u16, &'static str) {
    match Bench::new(Vec::new()).send(request) {
        Outcome::Refused(status, code) => (status, code),
        other => panic!("{other:?}"),
    }
}

#[test]
fn framing_that_could_be_read_in_two_ways_ends_the_connection() {
    let mut request = FakeRequest::get("/api/orders/x");
    request.fault = Some(FramingFault::LengthAndChunked);
    assert_eq!(refused(&request), (400, "malformed_request"));
    let both = FakeRequest::get("/api/orders/x")
        .with("content-length", "3")
        .with("transfer-encoding", "chunked");
    assert_eq!(refused(&both), (400, "malformed_request"));
    assert!(sanity::check(&both).unwrap_err().closes());
}

#[test]
fn one_host_and_a_sound_one() {
    let twice = FakeRequest::get("/health").with("host", "other.test");
    assert_eq!(refused(&twice), (400, "duplicate_header"));
    let same_twice = FakeRequest::get("/health").with("host", "gateway.test:8000");
    assert_eq!(refused(&same_twice), (400, "duplicate_header"));
    for bad in ["", "a b", "user@host", "a/b", "a,b", "é", "a\tb", "a%2eb"] {
        let request = FakeRequest::get("/health").host(bad);
        assert_eq!(refused(&request), (400, "bad_host"), "{bad}");
    }
    let mut none = FakeRequest::get("/health");
    none.headers.remove("host");
    assert_eq!(refused(&none), (400, "bad_host"));
    none.http10 = true;
    assert_eq!(Bench::new(Vec::new()).send(&none), Outcome::Own);
}

#[test]
fn a_target_in_absolute_form_has_to_name_the_same_host() {
    let mut request = FakeRequest::get("/health");
    request.authority = Some("GATEWAY.test:8000".into());
    assert_eq!(Bench::new(Vec::new()).send(&request), Outcome::Own);
    for other in ["other.test", "user@gateway.test:8000", "gateway.test"] {
        request.authority = Some(other.into());
        assert_eq!(refused(&request), (400, "bad_host"), "{other}");
    }
}

#[test]
fn two_credentials_are_one_too_many() {
    let request = FakeRequest::get("/api/orders/x").bearer("a").bearer("b");
    assert_eq!(refused(&request), (400, "duplicate_header"));
}

#[test]
fn tunnels_and_echoes_are_not_served() {
    for method in ["CONNECT", "TRACE"] {
        let request = FakeRequest::new(method, "/api/orders/x");
        assert_eq!(refused(&request), (405, "method_not_allowed"));
    }
}

#[test]
fn no_spelling_of_a_private_path_gets_through() {
    let bench = Bench::new(vec![
        Route {
            access: Access::Public,
            strip_path: true,
            ..route("/shop", "orders")
        },
        Route {
            access: Access::Public,
            ..route("/metrics-of", "orders")
        },
    ]);
    for path in [
        "/api/orders/internal",
        "/api/orders/internal/v1/x",
        "/api/core/internal/v1/stream",
        "/api/registry/internal/v1/gateways",
        "/api/orders/Internal/x",
        "/api/orders/%69nternal/x",
        "/api/orders/internal;a=b/x",
        "/api/orders/internal%3Bx/x",
        "/api/orders/metrics",
        "/api/orders/METRICS/",
        "/api/orders/health",
        "/api/orders/health/ready",
        "/api/orders/healthz",
        "/shop/internal",
        "/shop/health/live",
        "/api/gateway/health",
        "/api/gateway/x",
    ] {
        let outcome = bench.signed_in(path);
        assert_eq!(outcome, Outcome::Refused(404, "not_found"), "{path}");
    }
    for path in [
        "/api/orders//internal",
        "/api/orders/./internal",
        "/api/orders/x/../internal",
        "/api/orders/..;/internal",
        "/api/orders/%2e%2e/core/internal",
        "/api/orders%2finternal",
        "/api/orders/\\internal",
        "//api/orders/internal",
        "/api/orders/internal%00",
    ] {
        let outcome = bench.signed_in(path);
        assert_eq!(outcome, Outcome::Refused(400, "path_refused"), "{path}");
    }
    // Words that only begin alike are nobody's secret.
    assert_eq!(
        bench.signed_in("/api/orders/healthcare/1"),
        Outcome::to("orders", "/healthcare/1")
    );
    assert_eq!(
        bench.signed_in("/metrics-of/x"),
        Outcome::to("orders", "/metrics-of/x")
    );
}

#[test]
fn a_guarded_route_is_not_walked_around() {
    let guarded = Route {
        required_permission: Some("orders:admin".into()),
        ..route("/api/orders/admin", "orders")
    };
    let bench = Bench::new(vec![guarded]);
    for path in [
        "/api/orders/admin",
        "/api/orders/admin/",
        "/api/orders/admin/x",
        "/api/orders/%61dmin",
        "/api/%6frders/admin",
        "/api/orders;x/admin",
        "/api/orders/admin;x=y",
    ] {
        let outcome = bench.signed_in(path);
        assert_eq!(
            outcome,
            Outcome::Refused(403, "permission_denied"),
            "{path}"
        );
    }
    assert_eq!(
        bench.signed_in("/api/orders/administer"),
        Outcome::to("orders", "/administer")
    );
}

#[test]
fn a_public_path_does_not_open_its_neighbours() {
    let bench = Bench::new(Vec::new());
    let send = |path| bench.send(&FakeRequest::get(path));
    assert_eq!(send("/api/orders/open"), Outcome::to("orders", "/open"));
    assert_eq!(
        send("/api/orders/files/a/b"),
        Outcome::to("orders", "/files/a/b")
    );
    for path in [
        "/api/orders/open/",
        "/api/orders/open;x",
        "/api/orders/openly",
        "/api/orders/files;x/a",
        "/api/orders/files",
        "/api/orders/Open",
        "/api/orders/",
    ] {
        assert_eq!(
            send(path),
            Outcome::Refused(401, "token_required"),
            "{path}"
        );
    }
}
