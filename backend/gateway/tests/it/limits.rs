//! Limits as clients meet them.

use crate::support::{Gateway, Upstream, instance, service};

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
