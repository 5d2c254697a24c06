//! The cache within the process.

use std::time::{Duration, Instant};

use bytes::Bytes;

/// Bound on what is kept, in bytes of keys and values.
const CAPACITY: u64 = 16 * 1024 * 1024;

#[derive(Clone, Debug)]
struct Entry {
    bytes: Bytes,
    ttl: Duration,
}

/// Entries live as long as each was said to.
struct Lifetime;

impl moka::Expiry<String, Entry> for Lifetime {
    fn expire_after_create(&self, _: &String, entry: &Entry, _: Instant) -> Option<Duration> {
        Some(entry.ttl)
    }

    fn expire_after_update(
        &self,
        _: &String,
        entry: &Entry,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.ttl)
    }
}

/// Values kept in this process.
#[derive(Clone, Debug)]
pub struct Memory(moka::future::Cache<String, Entry>);

impl Memory {
    pub(crate) fn new() -> Self {
        let weight = |key: &String, entry: &Entry| {
            u32::try_from(key.len() + entry.bytes.len() + 64).unwrap_or(u32::MAX)
        };
        Self(
            moka::future::Cache::builder()
                .max_capacity(CAPACITY)
                .weigher(weight)
                .expire_after(Lifetime)
                .build(),
        )
    }

    pub(crate) async fn get(&self, key: &str) -> Option<Bytes> {
        self.0.get(key).await.map(|entry| entry.bytes)
    }

    pub(crate) async fn set(&self, key: &str, bytes: Vec<u8>, ttl: Duration) {
        let bytes = Bytes::from(bytes);
        self.0.insert(key.to_owned(), Entry { bytes, ttl }).await;
    }

    pub(crate) async fn delete(&self, keys: &[String]) {
        for key in keys {
            self.0.invalidate(key).await;
        }
    }
}
