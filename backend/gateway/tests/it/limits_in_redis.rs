//! Several gateways, one Redis, one limit.

use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use saas_cache::SharedBuckets;
use saas_testkit::servers::{self, RedisServer};

use crate::support::{Gateway, Upstream, claims, eventually, instance, service};

/// Nobody minds waiting here, and a machine may be busy: what a slow answer does is not the question.
const PATIENCE: Duration = Duration::from_secs(20);

/// Two gateways that let one tenant pass so often, and a token of the tenant's for each.
struct Pair {
    gateways: [Gateway; 2],
    tokens: [String; 2],
    _upstream: Upstream,
}

impl Pair {
    async fn start(redis_url: &str, rate: u32) -> Self {
        Self::patient(redis_url, rate, PATIENCE).await
    }

    async fn patient(redis_url: &str, rate: u32, patience: Duration) -> Self {
        let upstream = Upstream::echo("a").await;
        let start = || {
            let orders = service("orders", vec![instance("a", upstream.address)]);
            let buckets = SharedBuckets::new(redis_url, None, patience).unwrap();
            Gateway::counting(vec![orders], Some(buckets), |settings| {
                settings.gateway_threads = 2;
                settings.rate_limit_per_tenant = Some(rate);
            })
        };
        let gateways = [start().await, start().await];
        let claims = claims();
        Self {
            tokens: [gateways[0].token_of(&claims), gateways[1].token_of(&claims)],
            gateways,
            _upstream: upstream,
        }
    }

    /// Sends so many requests at once to one of them: how many passed.
    async fn flood(&self, which: usize, requests: usize) -> u32 {
        let ask = || self.gateways[which].get("/api/orders/x");
        let asks = (0..requests).map(|_| ask().bearer(&self.tokens[which]).send());
        let mut passed = 0;
        for reply in join_all(asks).await {
            match reply.status.as_u16() {
                200 => passed += 1,
                429 => assert!(reply.header("ratelimit").starts_with("\"tenant\";r=0;t=")),
                other => panic!("{other}: {:?}", reply.body),
            }
        }
        passed
    }
}

async fn fresh_redis_url() -> String {
    let url = tokio::task::spawn_blocking(|| servers::shared().unwrap().fresh_redis_url());
    url.await.unwrap().unwrap()
}

/// That the burst passed, and no more than it and what was refilled since.
fn assert_exact(passed: u32, rate: u32, began: Instant) {
    let most = f64::from(rate) * (2.0 + began.elapsed().as_secs_f64());
    assert!(passed >= 2 * rate, "{passed} of {}", 2 * rate);
    assert!(f64::from(passed) <= most, "{passed}, and not {most}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_let_pass_what_the_limit_says() {
    // A lease of one token, and one of ten.
    for rate in [15, 200] {
        let pair = Pair::start(&fresh_redis_url().await, rate).await;
        let began = Instant::now();
        // More than the burst for each: both are refused in the end.
        let requests = usize::try_from(rate * 5 / 2).unwrap();
        let (one, other) = join(pair.flood(0, requests), pair.flood(1, requests)).await;
        assert_exact(one + other, rate, began);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_moves_from_one_gateway_to_the_other_gains_nothing() {
    let rate = 50;
    let pair = Pair::start(&fresh_redis_url().await, rate).await;
    let began = Instant::now();
    let mut passed = pair.flood(0, 200).await;
    for which in [1, 0, 1] {
        passed += pair.flood(which, 200).await;
    }
    assert_exact(passed, rate, began);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_is_told_for_both_together() {
    let pair = Pair::start(&fresh_redis_url().await, 1).await;
    let ask = |which: usize| {
        let get = pair.gateways[which].get("/api/orders/x");
        get.bearer(&pair.tokens[which]).send()
    };
    let first = ask(0).await;
    assert_eq!(first.header("ratelimit-policy"), "\"tenant\";q=2;w=2");
    assert_eq!(first.header("ratelimit"), "\"tenant\";r=1;t=1");
    // Whatever the clock does meanwhile, a burst of two does not last for thirty.
    let mut refused = None;
    for number in 1..30 {
        let reply = ask(number % 2).await;
        if reply.status == 429 {
            refused = Some(reply);
            break;
        }
    }
    let refused = refused.expect("a refusal");
    assert_eq!(refused.header("retry-after"), "1");
    // Another tenant has its own.
    let other = pair.gateways[1].get("/api/orders/x");
    let other = other.bearer(&pair.gateways[1].token()).send().await;
    assert_eq!(other.header("ratelimit"), "\"tenant\";r=1;t=1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_answered_whatever_becomes_of_redis() {
    let start = tokio::task::spawn_blocking(|| RedisServer::start().unwrap());
    let mut redis = start.await.unwrap();
    let pair = Pair::start(redis.url(), 400).await;
    let counts_in_redis = async |is_so: bool| {
        let reply = pair.gateways[0].get("/metrics").send().await;
        let text = String::from_utf8(reply.body.to_vec()).unwrap();
        let is_line = |line: &&str| line.starts_with("gateway_limits_exact");
        let line = text.lines().find(is_line).unwrap();
        line.ends_with(if is_so { " 1" } else { " 0" })
    };
    eventually("Redis' answer", || counts_in_redis(true)).await;
    // `flood` accepts no other answers than 200 and 429.
    assert!(pair.flood(0, 100).await > 0);
    let stopped = tokio::task::spawn_blocking(move || {
        redis.stop().unwrap();
        redis
    });
    let (during, redis) = join(pair.flood(0, 300), stopped).await;
    assert!(during > 0);
    eventually("that Redis is missed", || async {
        pair.flood(0, 1).await;
        counts_in_redis(false).await
    })
    .await;
    let ready = pair.gateways[0].get("/health/ready").send().await;
    assert_eq!(ready.status, 200);
    eventually("requests that pass without Redis", || async {
        pair.flood(0, 1).await == 1
    })
    .await;
    let mut redis = redis.unwrap();
    let again = tokio::task::spawn_blocking(move || {
        redis.start_again().unwrap();
        redis
    });
    let _redis = again.await.unwrap();
    eventually("Redis' return", || counts_in_redis(true)).await;
    assert!(pair.flood(1, 20).await > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_a_redis_that_hangs() {
    let start = tokio::task::spawn_blocking(|| RedisServer::start().unwrap());
    let mut redis = start.await.unwrap();
    let pair = Pair::patient(redis.url(), 400, SharedBuckets::ANSWER_WITHIN).await;
    redis.freeze().unwrap();
    // Without a limit no answer would ever come.
    assert!(pair.flood(0, 100).await > 0);
    redis.thaw().unwrap();
}
