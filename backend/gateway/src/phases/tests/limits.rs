use saas_registry_client::wire::TenantTrust;

use super::*;
use crate::limiter::central::{Central, Whose};

fn quota_headers(trail: &Trail) -> (String, String) {
    let mut headers = HeaderMap::new();
    trail.quota.unwrap().write(&mut headers);
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    (text("ratelimit-policy"), text("ratelimit"))
}

#[test]
fn a_tenant_gets_its_rate_and_others_keep_theirs() {
    let mut bench = Bench::new(Vec::new());
    bench.policy.rate_per_tenant = 5;
    let (mine, theirs) = (claims(), claims());
    let send = |bench: &Bench, claims: &AccessClaims| {
        bench.pass(&FakeRequest::get("/api/orders/x").bearer(&bench.token(claims)))
    };
    for _ in 0..10 {
        assert_eq!(send(&bench, &mine).0, Outcome::to("orders", "/x"));
    }
    let (outcome, trail) = send(&bench, &mine);
    assert_eq!(outcome, Outcome::Refused(429, "rate_limited"));
    assert_eq!(
        quota_headers(&trail),
        (
            "\"tenant\";q=10;w=2".to_owned(),
            "\"tenant\";r=0;t=2".to_owned()
        )
    );
    let (outcome, trail) = send(&bench, &theirs);
    assert_eq!(outcome, Outcome::to("orders", "/x"));
    assert_eq!(quota_headers(&trail).1, "\"tenant\";r=9;t=1");
    bench.later(1);
    assert_eq!(send(&bench, &mine).0, Outcome::to("orders", "/x"));

    let unlimited = TenantTrust {
        tenant: mine.tid.unwrap(),
        is_suspended: false,
        rate_limit: Some(0),
    };
    bench.trust(TrustEvent::Tenant(unlimited));
    for _ in 0..50 {
        assert_eq!(send(&bench, &mine).0, Outcome::to("orders", "/x"));
    }
}

#[test]
fn an_address_is_limited_whoever_claims_to_forward_for_others() {
    let mut bench = Bench::new(Vec::new());
    bench.policy.rate_per_address = 1;
    let limited = Outcome::Refused(429, "rate_limited");
    let send = |bench: &Bench, peer: &str, forwarded: &str| {
        let request = FakeRequest::get("/api/orders/open")
            .from(peer)
            .with("x-forwarded-for", forwarded);
        bench.send(&request)
    };
    for claimed in ["198.51.100.1", "198.51.100.2"] {
        assert_eq!(
            send(&bench, "203.0.113.9", claimed),
            Outcome::to("orders", "/open")
        );
    }
    assert_eq!(send(&bench, "203.0.113.9", "198.51.100.3"), limited);

    bench.policy.trusted_proxies = ["10.0.0.0/8".parse().unwrap()].into_iter().collect();
    for client in ["198.51.100.1", "198.51.100.2"] {
        for _ in 0..2 {
            let chain = format!("192.0.2.66, {client}, 10.0.0.7");
            assert_eq!(
                send(&bench, "10.0.0.1", &chain),
                Outcome::to("orders", "/open")
            );
        }
        assert_eq!(send(&bench, "10.0.0.1", client), limited);
    }
}

#[test]
fn a_limit_that_was_asked_for_is_not_taken_twice() {
    let mut bench = Bench::new(Vec::new());
    bench.policy.rate_per_address = 5;
    bench.policy.rate_per_tenant = 5;
    let (central, _questions) = Central::new(std::time::Duration::ZERO);
    bench.limiter = Limiter::new(Some(central));
    let claims = claims();
    let address = bench.limiter.address("127.0.0.1".parse().unwrap());
    let tenant = bench.limiter.tenant(claims.tid.unwrap());
    let request = FakeRequest::get("/api/orders/x").bearer(&bench.token(&claims));

    // The address has one leased token, the tenant none.
    address.requests.add_credit(1);
    let (outcome, mut trail) = bench.pass(&request);
    assert_eq!((outcome, address.requests.credit()), (Outcome::Ask, 0));
    let whose = Whose::Tenant(claims.tid.unwrap());
    trail.settled.answered(whose, Ok(tenant.left(0, 5)));
    let outcome = bench.pass_again(&request, &mut trail);
    assert_eq!(outcome, Outcome::to("orders", "/x"));
    assert_eq!(quota_headers(&trail).1, "\"tenant\";r=10;t=0");

    // The other way round, and the answer is no.
    tenant.add_credit(1);
    let (outcome, mut trail) = bench.pass(&request);
    assert_eq!((outcome, tenant.credit()), (Outcome::Ask, 1));
    let whose = Whose::Address("127.0.0.1".parse().unwrap());
    let empty = address.requests.empty(0, 5);
    trail.settled.answered(whose, Err(empty));
    let outcome = bench.pass_again(&request, &mut trail);
    assert_eq!(outcome, Outcome::Refused(429, "rate_limited"));
    assert_eq!(tenant.credit(), 1);

    // Nobody answers in Redis' stead: each gateway counts for itself.
    bench.limiter.note_central(false);
    assert_eq!(bench.send(&request), Outcome::to("orders", "/x"));
}

#[test]
fn a_flood_of_invalid_tokens_is_turned_away_before_it_is_verified() {
    let mut bench = Bench::new(Vec::new());
    let known = bench.token(&claims());
    let send = |bench: &Bench, token: &str, peer: &str| {
        bench.send(&FakeRequest::get("/api/orders/x").bearer(token).from(peer))
    };
    let (flooder, neighbour) = ("203.0.113.9", "203.0.113.10");
    assert_eq!(send(&bench, &known, flooder), Outcome::to("orders", "/x"));
    let mut refused = 0;
    for number in 0..100 {
        match send(&bench, &format!("a.b.{number}"), flooder) {
            Outcome::Refused(401, "token_invalid") => {}
            Outcome::Refused(429, "too_many_invalid_tokens") => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(refused, 80);
    // Who is known already, and who sits elsewhere, does not notice.
    assert_eq!(send(&bench, &known, flooder), Outcome::to("orders", "/x"));
    let fresh = bench.token(&claims());
    assert_eq!(send(&bench, &fresh, neighbour), Outcome::to("orders", "/x"));
    bench.later(3);
    let fresh = bench.token(&claims());
    assert_eq!(send(&bench, &fresh, flooder), Outcome::to("orders", "/x"));
}
