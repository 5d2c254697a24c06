//! The cache as its users see it, in the process and in Redis.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use saas_cache::{Cache, ChangeCache, Changes};
use saas_testkit::{TestAuthority, servers};

const TTL: Duration = Duration::from_mins(5);

/// Both kinds of cache.
async fn caches() -> [Cache; 2] {
    let url = tokio::task::spawn_blocking(|| servers::shared().unwrap().fresh_redis_url());
    let url = url.await.unwrap().unwrap();
    [Cache::memory(), Cache::redis(&url, None).unwrap()]
}

/// A prefix of its own for each test and run: Redis is shared.
fn prefix(name: &str) -> String {
    let unique = u128::from_ne_bytes(saas_domain::Random::os().bytes());
    format!("test:{name}:{unique}")
}

async fn read(cache: &ChangeCache, loads: &AtomicU32, subject: &str) -> u32 {
    let subjects = |_: &u32| vec![subject.to_owned()];
    let load = async || Ok::<_, ()>(loads.fetch_add(1, Ordering::SeqCst));
    cache.read("key", subjects, load).await.unwrap()
}

#[tokio::test]
async fn values_are_kept_and_forgotten() {
    for cache in caches().await {
        let key = prefix("kept");
        assert_eq!(cache.get::<String>(&key).await, None);
        cache.set(&key, &"value", TTL).await;
        assert_eq!(cache.get::<String>(&key).await.as_deref(), Some("value"));
        assert_eq!(
            cache.get::<u32>(&key).await,
            None,
            "another shape is a miss"
        );
        cache.delete(std::slice::from_ref(&key)).await;
        assert_eq!(cache.get::<String>(&key).await, None);
        cache.ping().await.unwrap();
    }
}

#[tokio::test]
async fn a_cache_that_is_away_is_a_miss() {
    let cache = Cache::redis("redis://127.0.0.1:1/0", None).unwrap();
    cache.set("key", &1, TTL).await;
    assert_eq!(cache.get::<u32>("key").await, None);
    // The second was not asked for: after a failure nobody waits for Redis for a moment.
    assert_eq!((cache.kind(), cache.failures()), ("redis", 1));
    assert!(cache.ping().await.is_err());
    assert!(Cache::redis("http://example.com", None).is_err());
}

#[tokio::test]
async fn a_change_of_the_subject_and_of_no_other_makes_it_read_again() {
    for store in caches().await {
        let changes = Arc::new(Changes::new(10, TTL));
        let cache = ChangeCache::new(store, changes.clone(), &prefix("subject"), TTL);
        let loads = AtomicU32::new(0);
        assert_eq!(read(&cache, &loads, "user:1").await, 0);
        changes.apply([(11, "user:2")]);
        assert_eq!(read(&cache, &loads, "user:1").await, 0);
        changes.apply([(12, "user:1")]);
        assert_eq!(read(&cache, &loads, "user:1").await, 1);
        assert_eq!(read(&cache, &loads, "user:1").await, 1);
    }
}

#[tokio::test]
async fn a_value_read_before_a_change_and_kept_after_it_is_refused() {
    for store in caches().await {
        let name = prefix("race");
        // Two processes: one reads slowly, the other already followed the change.
        let slow_changes = Arc::new(Changes::new(10, TTL));
        let quick_changes = Arc::new(Changes::new(10, TTL));
        let slow = ChangeCache::new(store.clone(), slow_changes.clone(), &name, TTL);
        let quick = ChangeCache::new(store, quick_changes.clone(), &name, TTL);
        let subjects = |_: &String| vec!["user:1".to_owned()];
        let old = slow
            .read("key", subjects, async || {
                quick_changes.apply([(11, "user:1")]);
                slow_changes.apply([(11, "user:1")]);
                Ok::<_, ()>("old".to_owned())
            })
            .await;
        assert_eq!(old.as_deref(), Ok("old"));
        for cache in [&quick, &slow] {
            let value = cache.read("key", subjects, async || Ok::<_, ()>("new".to_owned()));
            assert_eq!(value.await.as_deref(), Ok("new"));
        }
    }
}

#[test]
fn a_process_trusts_nothing_cached_before_it_began_to_follow() {
    let changes = Changes::new(10, TTL);
    let subjects = ["user:1".to_owned()];
    assert!(!changes.accepts(9, &subjects));
    assert!(changes.accepts(10, &subjects));
    changes.restart(20);
    assert!(!changes.accepts(19, &subjects));
    assert_eq!(changes.applied(), 20);
}

#[test]
fn forgetting_a_subject_makes_nothing_acceptable_again() {
    let changes = Changes::new(0, Duration::ZERO);
    let subjects = ["user:1".to_owned()];
    changes.apply([(5, "user:1")]);
    changes.apply([(6, "user:2")]);
    assert!(!changes.accepts(4, &subjects));
    assert!(changes.accepts(6, &subjects));
}

/// A Redis with TLS, and the file of the authority that certified it.
fn redis_with_tls(name: &str) -> (servers::RedisServer, std::path::PathBuf) {
    let authority = TestAuthority::new(name).unwrap();
    let certificate = authority.issue(&["127.0.0.1"]).unwrap();
    let server = servers::RedisServer::start_with_tls(&certificate).unwrap();
    let unique = u128::from_ne_bytes(saas_domain::Random::os().bytes());
    let file = std::env::temp_dir().join(format!("saas-authority-{unique:x}.pem"));
    std::fs::write(&file, authority.pem()).unwrap();
    (server, file)
}

#[tokio::test]
async fn redis_is_reached_by_tls_and_only_whom_the_authority_certified() {
    let blocking = tokio::task::spawn_blocking(|| [redis_with_tls("One"), redis_with_tls("Other")]);
    let [(server, authority), (_other, wrong)] = blocking.await.unwrap();
    let url = server.tls_url().unwrap().to_owned();
    let cache = Cache::redis(&url, Some(&authority)).unwrap();
    cache.ping().await.unwrap();
    cache.set("key", &7, TTL).await;
    assert_eq!(cache.get::<u32>("key").await, Some(7));

    for authorities in [Some(wrong.as_path()), None] {
        let cache = Cache::redis(&url, authorities).unwrap();
        let error = cache.ping().await.unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("UnknownIssuer"), "{cause}");
        assert_eq!(cache.get::<u32>("key").await, None);
    }
    let host = url.replace("127.0.0.1", "localhost");
    let cache = Cache::redis(&host, Some(&authority)).unwrap();
    assert!(cache.ping().await.is_err(), "certified for another name");
    for file in [authority, wrong] {
        std::fs::remove_file(file).unwrap();
    }
}

#[tokio::test]
async fn tls_without_a_look_at_who_answers_is_refused() {
    let url = "rediss://:secret@127.0.0.1:6379/0#insecure";
    let error = Cache::redis(url, None).unwrap_err().to_string();
    assert!(error.contains("#insecure"), "{error}");
    let missing = std::path::Path::new("/nonexistent/authority.pem");
    let error = Cache::redis("rediss://127.0.0.1/0", Some(missing)).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("TLS_CA_FILE names /nonexistent/authority.pem"),
        "{error}"
    );
}
