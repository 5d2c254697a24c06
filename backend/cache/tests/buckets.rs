//! Buckets in Redis, as processes that share them see them.

// Clippy then knows that helper functions here are test code too.
#![cfg(test)]

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

use saas_cache::{BURST_SECONDS, CacheError, Order, Receipt, SharedBuckets, Tokens};
use saas_testkit::servers::{self, RedisServer};

/// Nobody waits here, and a machine may be busy.
const PATIENCE: Duration = Duration::from_secs(20);

async fn redis_url() -> String {
    let url = tokio::task::spawn_blocking(|| servers::shared().unwrap().fresh_redis_url());
    url.await.unwrap().unwrap()
}

fn buckets(url: &str) -> SharedBuckets {
    SharedBuckets::new(url, None, PATIENCE).unwrap()
}

fn order(key: &str, rate: u32, tokens: Tokens) -> Order {
    Order {
        key: key.to_owned(),
        rate: NonZeroU32::new(rate).unwrap(),
        tokens,
    }
}

async fn exchange(buckets: &SharedBuckets, key: &str, rate: u32, tokens: Tokens) -> Receipt {
    let receipts = buckets.exchange(&[order(key, rate, tokens)]).await;
    receipts.unwrap()[0]
}

async fn take(buckets: &SharedBuckets, key: &str, rate: u32, tokens: u32) -> u32 {
    let receipt = exchange(buckets, key, rate, Tokens::Take(tokens)).await;
    receipt.granted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_connections_together_get_the_burst_and_the_rate_and_no_more() {
    let url = redis_url().await;
    // A cost that is no whole number of microseconds.
    let rate = 70;
    let began = Instant::now();
    let takers = (0..4).map(|_| {
        let buckets = buckets(&url);
        tokio::spawn(async move {
            let mut granted = 0;
            for round in 0..150 {
                granted += take(&buckets, "a", rate, 1 + round % 3).await;
            }
            granted
        })
    });
    let mut granted = 0;
    for taker in takers.collect::<Vec<_>>() {
        granted += taker.await.unwrap();
    }
    let burst = rate * BURST_SECONDS;
    let refilled = began.elapsed().as_secs_f64() * f64::from(rate);
    assert!(granted >= burst, "{granted}");
    assert!(
        f64::from(granted) <= f64::from(burst) + refilled,
        "{granted}"
    );
}

#[tokio::test]
async fn a_part_is_granted_where_there_is_not_all_and_others_do_not_notice() {
    let buckets = buckets(&redis_url().await);
    let all = exchange(&buckets, "a", 1, Tokens::Take(5)).await;
    assert_eq!(all.granted, 2);
    assert!(all.full_in <= Duration::from_secs(2), "{all:?}");
    assert!(all.full_in > Duration::from_millis(1999), "{all:?}");
    let orders = [
        order("b", 1, Tokens::Take(1)),
        order("c", 1000, Tokens::Take(700)),
    ];
    let receipts = buckets.exchange(&orders).await.unwrap();
    assert_eq!([receipts[0].granted, receipts[1].granted], [1, 700]);
    assert!(buckets.exchange(&[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_given_back_can_be_taken_and_no_more_than_the_burst() {
    let buckets = buckets(&redis_url().await);
    // So slow that nothing is refilled while this runs.
    assert_eq!(take(&buckets, "a", 1, 2).await, 2);
    let back = exchange(&buckets, "a", 1, Tokens::Return(1)).await;
    assert_eq!(back.granted, 0);
    assert!(back.full_in <= Duration::from_secs(1), "{back:?}");
    assert_eq!(take(&buckets, "a", 1, 1).await, 1);
    // More than was ever taken: it is full, and not fuller.
    let full = exchange(&buckets, "a", 1, Tokens::Return(50)).await;
    assert_eq!(full.full_in, Duration::ZERO);
    assert_eq!(take(&buckets, "a", 1, 50).await, 2);
}

#[tokio::test]
async fn many_buckets_at_once_are_each_answered() {
    let url = redis_url().await;
    let buckets = buckets(&url);
    let all: Vec<Order> = (0..600)
        .map(|number| order(&number.to_string(), 10, Tokens::Take(30)))
        .collect();
    let receipts = buckets.exchange(&all).await.unwrap();
    assert_eq!(receipts.len(), 600);
    assert!(receipts.iter().all(|receipt| receipt.granted == 20));
}

#[tokio::test]
async fn a_redis_that_is_away_is_an_error_and_comes_back() {
    let start = tokio::task::spawn_blocking(|| RedisServer::start().unwrap());
    let mut redis = start.await.unwrap();
    let buckets = buckets(redis.url());
    assert_eq!(take(&buckets, "a", 1, 2).await, 2);
    let mut redis = tokio::task::spawn_blocking(move || {
        redis.stop().unwrap();
        redis
    })
    .await
    .unwrap();
    let one = [order("a", 1, Tokens::Take(1))];
    let failed = buckets.exchange(&one).await;
    assert!(matches!(failed, Err(CacheError::Away(_))), "{failed:?}");
    // What it knew is gone with it, the script as well.
    let _redis = tokio::task::spawn_blocking(move || {
        redis.start_again().unwrap();
        redis
    })
    .await
    .unwrap();
    let began = Instant::now();
    let granted = loop {
        match buckets.exchange(&one).await {
            Ok(receipts) => break receipts[0].granted,
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
        assert!(began.elapsed() < PATIENCE, "never came back");
    };
    assert_eq!(granted, 1);
    assert!(SharedBuckets::new("http://example.com", None, PATIENCE).is_err());
}

#[tokio::test]
async fn a_redis_that_hangs_is_not_waited_for() {
    let start = tokio::task::spawn_blocking(|| RedisServer::start().unwrap());
    let mut redis = start.await.unwrap();
    let buckets = SharedBuckets::new(redis.url(), None, SharedBuckets::ANSWER_WITHIN).unwrap();
    redis.freeze().unwrap();
    // Without a limit this would never return.
    let failed = buckets.ping().await;
    assert!(matches!(failed, Err(CacheError::Away(_))), "{failed:?}");
    redis.thaw().unwrap();
}
