//! Limits as clients meet them.

use saas_registry_client::wire::GatewayShares;

use crate::support::{Gateway, Upstream, claims, eventually, instance, service};

#[tokio::test]
async fn a_limited_client_is_told_how_much_and_how_long() {
    let upstream = Upstream::echo("a").await;
    let orders = service("orders", vec![instance("a", upstream.address)]);
    let gateway = Gateway::with(vec![orders], |settings| {
        settings.rate_limit_per_tenant = Some(1);
    })
    .await;
    let token = gateway.token();
    let ask = || gateway.get("/api/orders/x").bearer(&token).send();
    let reply = ask().await;
    assert_eq!(reply.header("ratelimit-policy"), "\"tenant\";q=2;w=2");
    assert!(reply.header("ratelimit").starts_with("\"tenant\";r=1;t="));
    let mut refused = None;
    // Whatever the clock does meanwhile, a burst of two does not last for thirty.
    for _ in 0..30 {
        let reply = ask().await;
        if reply.status == 429 {
            refused = Some(reply);
            break;
        }
    }
    let reply = refused.expect("a refusal");
    assert_eq!(reply.code(), "rate_limited");
    assert_eq!(reply.header("retry-after"), "1");
    assert!(reply.header("ratelimit").starts_with("\"tenant\";r=0;t="));
    assert_eq!(
        gateway
            .get("/api/orders/x")
            .bearer(&gateway.token())
            .send()
            .await
            .status,
        200
    );
    assert!(upstream.hits() < 31);
}

#[tokio::test]
async fn both_threads_share_one_limit() {
    let upstream = Upstream::echo("a").await;
    let orders = service("orders", vec![instance("a", upstream.address)]);
    let gateway = Gateway::with(vec![orders], |settings| {
        settings.gateway_threads = 4;
        settings.rate_limit_per_address = Some(25);
    })
    .await;
    let asks = (0..400).map(|_| gateway.get("/api/orders/public/x").send());
    let started = std::time::Instant::now();
    let replies = futures_util::future::join_all(asks).await;
    let seconds = usize::try_from(started.elapsed().as_secs()).unwrap() + 1;
    let passed = replies.iter().filter(|reply| reply.status == 200).count();
    // The burst, and what was refilled while the requests were sent.
    assert!(passed <= 50 + 25 * seconds, "{passed}");
    assert!(replies.iter().any(|reply| reply.status == 429));
}

#[tokio::test]
async fn a_gateway_tells_who_asks_and_keeps_to_its_share() {
    let upstream = Upstream::echo("a").await;
    let orders = service("orders", vec![instance("a", upstream.address)]);
    let gateway = Gateway::with(vec![orders], |settings| {
        settings.rate_limit_per_tenant = Some(1000);
    })
    .await;
    let claims = claims();
    let (token, tenant) = (gateway.token_of(&claims), claims.tid.unwrap());
    let ask = || gateway.get("/api/orders/x").bearer(&token).send();
    let key = format!("tenant:{tenant}");
    let told = |key: &str| {
        let report = gateway.control.last_report();
        report.is_some_and(|report| report.demand.contains_key(key))
    };
    // Alone, it counts for itself and tells nobody.
    assert!(ask().await.header("ratelimit").contains(";r=1999;"));
    let mut shares = GatewayShares {
        gateways: 2,
        ..GatewayShares::default()
    };
    gateway.control.share(shares.clone());
    eventually("demand", || async {
        ask().await;
        told(&key)
    })
    .await;
    // A thousandth of the limit is one request a second after a burst of two.
    shares.shares.insert(key.clone(), 0.001);
    gateway.control.share(shares);
    eventually("the share", || async { ask().await.status == 429 }).await;
    let other = gateway.get("/api/orders/x").bearer(&gateway.token());
    assert_eq!(other.send().await.status, 200);
    // Nobody else asks for it any more: all of it is this gateway's again.
    gateway.control.share(GatewayShares::default());
    eventually("the whole", || async {
        let reply = ask().await;
        reply.status == 200 && !reply.header("ratelimit").contains(";r=0;")
    })
    .await;
}
