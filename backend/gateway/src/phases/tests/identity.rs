use saas_domain::OPERATOR_ROLE;
use saas_registry_client::wire::{RevokedSession, StaleTokens, TenantTrust};

use super::*;

fn get(bench: &Bench, path: &str, claims: &AccessClaims) -> Outcome {
    bench.send(&FakeRequest::get(path).bearer(&bench.token(claims)))
}

#[test]
fn a_bearer_token_is_the_only_credential() {
    let bench = Bench::new(Vec::new());
    let token = bench.token(&claims());
    let path = "/api/orders/x";
    let to = Outcome::to("orders", "/x");
    assert_eq!(bench.send(&FakeRequest::get(path).bearer(&token)), to);
    let lower = FakeRequest::get(path).with("authorization", &format!("bearer  {token}"));
    assert_eq!(bench.send(&lower), to);
    for (name, value) in [
        ("cookie", format!("access_token={token}; token={token}")),
        ("authorization", format!("Basic {token}")),
        ("authorization", token.clone()),
        ("authorization", "Bearer".into()),
        ("authorization", "Bearer ".into()),
        ("x-access-token", token.clone()),
    ] {
        let request = FakeRequest::get(path).with(name, &value);
        assert_eq!(
            bench.send(&request),
            Outcome::Refused(401, "token_required"),
            "{name}"
        );
    }
    let long = "a".repeat(9000);
    for junk in ["x", "a.b.c", "é.é.é", &long] {
        let outcome = bench.send(&FakeRequest::get(path).bearer(junk));
        assert_eq!(outcome, Outcome::Refused(401, "token_invalid"), "{junk:.9}");
    }
}

#[test]
fn a_token_holds_until_it_expires_also_from_the_cache() {
    let mut bench = Bench::new(Vec::new());
    let claims = claims();
    assert_eq!(
        get(&bench, "/api/orders/x", &claims),
        Outcome::to("orders", "/x")
    );
    bench.later(1799);
    assert_eq!(
        get(&bench, "/api/orders/x", &claims),
        Outcome::to("orders", "/x")
    );
    bench.later(1);
    let expired = Outcome::Refused(401, "token_expired");
    assert_eq!(get(&bench, "/api/orders/x", &claims), expired);
    // A client that sends its expired token along must still be able to sign in.
    assert_eq!(
        get(&bench, "/api/core/v1/auth/login", &claims),
        Outcome::to("core", "/v1/auth/login")
    );
}

#[test]
fn revocation_and_changed_rights_are_felt_by_verified_tokens() {
    let mut bench = Bench::new(Vec::new());
    let claims = claims();
    let until = bench.clock.now() + Duration::minutes(30);
    assert_eq!(
        get(&bench, "/api/orders/x", &claims),
        Outcome::to("orders", "/x")
    );
    bench.trust(TrustEvent::TokensStale(StaleTokens {
        user: claims.sub,
        tenant: claims.tid,
        issued_before_ms: claims.iat_ms + 1,
        until,
    }));
    let stale = Outcome::Refused(401, "token_stale");
    assert_eq!(get(&bench, "/api/orders/x", &claims), stale);
    let mut fresh = claims.clone();
    fresh.iat_ms += 1;
    assert_eq!(
        get(&bench, "/api/orders/x", &fresh),
        Outcome::to("orders", "/x")
    );
    bench.trust(TrustEvent::SessionRevoked(RevokedSession {
        session: claims.sid,
        until,
    }));
    let revoked = Outcome::Refused(401, "session_ended");
    assert_eq!(get(&bench, "/api/orders/x", &fresh), revoked);
    let public = FakeRequest::get("/api/orders/open").bearer(&bench.token(&fresh));
    let (outcome, trail) = bench.pass(&public);
    assert_eq!(outcome, Outcome::to("orders", "/open"));
    assert!(trail.principal.is_none(), "nobody, not the revoked one");
}

#[test]
fn a_removed_key_flushes_what_it_signed() {
    let mut bench = Bench::new(Vec::new());
    let claims = claims();
    assert_eq!(
        get(&bench, "/api/orders/x", &claims),
        Outcome::to("orders", "/x")
    );
    bench.trust(TrustEvent::Keys(KeySet::default()));
    let refused = Outcome::Refused(401, "token_invalid");
    assert_eq!(get(&bench, "/api/orders/x", &claims), refused);
}

#[test]
fn without_word_from_core_only_what_can_wait_for_expiry_goes_on() {
    let strict = Route {
        strict: true,
        ..route("/strict", "orders")
    };
    let mut bench = Bench::new(vec![strict]);
    bench.is_fresh.set(false);
    let claims = claims();
    let stale = || Outcome::Refused(503, "trust_stale");
    assert_eq!(
        get(&bench, "/api/orders/x", &claims),
        Outcome::to("orders", "/x")
    );
    for closed in ["/api/core/v1/me", "/api/registry/v1/services", "/strict"] {
        assert_eq!(get(&bench, closed, &claims), stale(), "{closed}");
    }
    let login = FakeRequest::new("POST", "/api/core/v1/auth/login");
    assert_eq!(bench.send(&login), Outcome::to("core", "/v1/auth/login"));
    bench.trust = None;
    let outcome = get(&bench, "/api/orders/x", &claims);
    assert_eq!(outcome, Outcome::Refused(503, "not_ready"));
    assert_eq!(bench.send(&login), Outcome::to("core", "/v1/auth/login"));
}

#[test]
fn business_needs_a_tenant_that_is_not_suspended() {
    let mut bench = Bench::new(Vec::new());
    let mut nobody = claims();
    nobody.tid = None;
    let outcome = get(&bench, "/api/orders/x", &nobody);
    assert_eq!(outcome, Outcome::Refused(403, "tenant_required"));
    assert_eq!(
        get(&bench, "/api/core/v1/me", &nobody),
        Outcome::to("core", "/v1/me")
    );

    let member = claims();
    let mut operator = member.clone();
    operator.roles.push(OPERATOR_ROLE.into());
    bench.trust(TrustEvent::Tenant(TenantTrust {
        tenant: member.tid.unwrap(),
        is_suspended: true,
        rate_limit: None,
    }));
    let suspended = || Outcome::Refused(403, "tenant_suspended");
    assert_eq!(get(&bench, "/api/orders/x", &member), suspended());
    assert_eq!(get(&bench, "/api/orders/x", &operator), suspended());
    assert_eq!(get(&bench, "/api/core/v1/members", &member), suspended());
    assert_eq!(
        get(&bench, "/api/registry/v1/services", &member),
        suspended()
    );
    // The ways out: to another tenant, or by the operator's hand.
    assert_eq!(
        get(&bench, "/api/core/v1/auth/switch-tenant", &member),
        Outcome::to("core", "/v1/auth/switch-tenant")
    );
    assert_eq!(
        get(&bench, "/api/core/v1/me", &member),
        Outcome::to("core", "/v1/me")
    );
    assert_eq!(get(&bench, "/api/core/v1/me/x", &member), suspended());
    assert_eq!(
        get(&bench, "/api/core/v1/tenants/1/activate", &operator),
        Outcome::to("core", "/v1/tenants/1/activate")
    );
}

#[test]
fn a_restricted_token_opens_core_alone() {
    let bench = Bench::new(Vec::new());
    let mut restricted = claims();
    restricted.restricted = true;
    let refused = || Outcome::Refused(403, "password_change_required");
    assert_eq!(get(&bench, "/api/orders/x", &restricted), refused());
    assert_eq!(
        get(&bench, "/api/registry/v1/services", &restricted),
        refused()
    );
    let password = get(&bench, "/api/core/v1/me/password", &restricted);
    assert_eq!(password, Outcome::to("core", "/v1/me/password"));
}

#[test]
fn a_required_permission_is_required_even_of_public_routes() {
    let guard = |path, access, permission: &str| Route {
        access,
        required_permission: Some(permission.into()),
        ..route(path, "orders")
    };
    let bench = Bench::new(vec![
        guard("/read", Access::Authenticated, "member:read"),
        guard("/write", Access::Authenticated, "member:delete"),
        guard("/odd", Access::Public, "member:read"),
    ]);
    assert_eq!(bench.signed_in("/read"), Outcome::to("orders", "/read"));
    assert_eq!(
        bench.signed_in("/write"),
        Outcome::Refused(403, "permission_denied")
    );
    assert_eq!(bench.signed_in("/odd"), Outcome::to("orders", "/odd"));
    let outcome = bench.send(&FakeRequest::get("/odd"));
    assert_eq!(outcome, Outcome::Refused(401, "token_required"));
}

#[test]
fn in_production_credentials_from_afar_need_tls() {
    let mut bench = Bench::new(Vec::new());
    bench.policy.is_production = true;
    bench.policy.trusted_proxies = ["10.0.0.1".parse().unwrap()].into_iter().collect();
    let token = bench.token(&claims());
    let from = |peer: &str| FakeRequest::get("/api/orders/x").bearer(&token).from(peer);
    let refused = || Outcome::Refused(403, "https_required");
    let to = || Outcome::to("orders", "/x");
    assert_eq!(bench.send(&from("203.0.113.9")), refused());
    assert_eq!(bench.send(&from("192.168.1.9")), to());
    assert_eq!(bench.send(&from("::ffff:127.0.0.1")), to());
    let forged = from("203.0.113.9").with("x-forwarded-proto", "https");
    assert_eq!(bench.send(&forged), refused());
    let via = |proto: &str| {
        from("10.0.0.1")
            .with("x-forwarded-for", "203.0.113.9")
            .with("x-forwarded-proto", proto)
    };
    assert_eq!(bench.send(&via("http")), refused());
    assert_eq!(bench.send(&via("https")), to());
    assert_eq!(bench.send(&from("203.0.113.9").by_tls()), to());
    // A proxy that came by TLS for somebody who did not.
    assert_eq!(bench.send(&via("http").by_tls()), refused());
    let login = FakeRequest::new("POST", "/api/core/v1/auth/login").from("203.0.113.9");
    assert_eq!(bench.send(&login), refused());
}

#[test]
fn an_assertion_is_made_once_a_minute_for_each_service() {
    use saas_security::{AssertionSigner, RootSecret};
    let signer = AssertionSigner::new(&RootSecret::new(&[1; 32], None)).unwrap();
    let principal = Principal::new(claims());
    let clock = Clock::manual(Clock::system().now());
    let make = |service: &str| {
        let service = service.parse().unwrap();
        principal.assertion(&service, &signer, clock.now()).unwrap()
    };
    let first = make("orders");
    assert_ne!(first, make("billing"));
    clock.advance(Duration::seconds(30));
    assert_eq!(first, make("orders"));
    clock.advance(Duration::seconds(30));
    assert_ne!(first, make("orders"));
}
