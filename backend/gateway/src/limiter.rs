//! Token buckets per tenant and per address, in atomics that all threads share.
//!
//! A bucket is one number: the time at which it would be full again (the generic cell rate
//! algorithm, ITU-T I.371). Taking is one compare-and-swap; a bucket nobody uses fills by itself.
//! What other gateways may use of a limit is withheld from its bucket: see [`shares`].

pub mod shares;

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::{BuildHasher as _, Hash},
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Instant,
};

use saas_domain::TenantId;

/// How far a bucket reaches, in seconds of its rate: the burst is twice the rate.
pub const BURST_SECONDS: u32 = 2;

const NANOS: u64 = 1_000_000_000;
/// Shares are counted in millionths.
const WHOLE: u64 = 1_000_000;
const SHARDS: usize = 16;
/// Keys kept per shard. Past that, what does not fit shares one bucket: memory stays bounded
/// whatever addresses somebody invents.
const MOST_PER_SHARD: usize = 8192;

/// A rate of invalid tokens that nobody reaches by accident: 10 a second after a burst of 20.
const INVALID_TOKENS: u32 = 10;

/// One bucket.
#[derive(Debug, Default)]
pub struct Bucket {
    /// Nanoseconds (of [`Limiter::now`]) at which the bucket is full.
    full_at: AtomicU64,
    /// Millionths of the rate that are other gateways', less than [`WHOLE`].
    withheld: AtomicU32,
    /// Requests, those refused included. Wraps; each reader keeps what it has counted already.
    asked: AtomicU32,
    refused: AtomicU32,
    counted: [AtomicU32; 3],
}

/// Who counts what a bucket was asked for, each for itself.
#[derive(Clone, Copy, Debug)]
enum Reader {
    /// Requests, for the shares among gateways.
    Shares,
    /// Requests, for the metrics.
    Requests,
    /// Refusals, for the metrics.
    Refusals,
}

/// What is left after a request was let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Requests that would be let through now.
    pub remaining: u32,
    /// Seconds until the bucket is full, rounded up.
    pub full_in: u32,
}

/// The bucket is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Empty {
    /// Seconds until a request would be let through, rounded up, at least 1.
    pub retry_after: u32,
    /// Seconds until the bucket is full, rounded up.
    pub full_in: u32,
}

impl Bucket {
    /// Takes one token at `now` (nanoseconds), of `rate` a second, of which this gateway has its
    /// share. The rate may change between calls; 0 lets everything through.
    pub fn take(&self, now: u64, rate: u32) -> Result<Left, Empty> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let share = WHOLE.saturating_sub(u64::from(self.withheld.load(Ordering::Relaxed)));
        let Some(cost) = (NANOS * WHOLE).checked_div(u64::from(rate) * share) else {
            return Ok(Left {
                remaining: u32::MAX,
                full_in: 0,
            });
        };
        // However small the share, a full bucket holds one request.
        let depth = cost.max(NANOS * u64::from(BURST_SECONDS));
        let mut full_at = self.full_at.load(Ordering::Relaxed);
        loop {
            let next = full_at.max(now) + cost;
            if next - now > depth {
                self.refused.fetch_add(1, Ordering::Relaxed);
                let retry = (next - now - depth).div_ceil(NANOS).max(1);
                return Err(Empty {
                    retry_after: small(retry),
                    full_in: small((full_at.max(now) - now).div_ceil(NANOS)),
                });
            }
            match self.full_at.compare_exchange_weak(
                full_at,
                next,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    return Ok(Left {
                        remaining: small((depth - (next - now)) / cost),
                        full_in: small((next - now).div_ceil(NANOS)),
                    });
                }
                Err(seen) => full_at = seen,
            }
        }
    }

    /// Whether a token could be taken, without taking it.
    pub fn has_some(&self, now: u64, rate: u32) -> bool {
        let cost = NANOS.checked_div(u64::from(rate)).unwrap_or(0);
        let full_at = self.full_at.load(Ordering::Relaxed).max(now);
        full_at + cost - now <= NANOS * u64::from(BURST_SECONDS)
    }

    /// What came since this reader last asked.
    fn since(&self, reader: Reader) -> u32 {
        let count = match reader {
            Reader::Shares | Reader::Requests => &self.asked,
            Reader::Refusals => &self.refused,
        };
        let count = count.load(Ordering::Relaxed);
        let [shares, requests, refusals] = &self.counted;
        let counted = match reader {
            Reader::Shares => shares,
            Reader::Requests => requests,
            Reader::Refusals => refusals,
        };
        count.wrapping_sub(counted.swap(count, Ordering::Relaxed))
    }

    fn is_full(&self, now: u64) -> bool {
        self.full_at.load(Ordering::Relaxed) <= now
    }
}

fn small(seconds: u64) -> u32 {
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

/// The buckets of one client address.
#[derive(Debug, Default)]
pub struct AddressBuckets {
    /// All its requests.
    pub requests: Bucket,
    invalid_tokens: Bucket,
}

impl AddressBuckets {
    /// Whether another token of unknown worth may be verified for this address.
    pub fn may_verify(&self, now: u64) -> bool {
        self.invalid_tokens.has_some(now, INVALID_TOKENS)
    }

    /// Notes that a token was invalid.
    pub fn note_invalid(&self, now: u64) {
        // An empty bucket stays empty; the next `may_verify` says so.
        let _ = self.invalid_tokens.take(now, INVALID_TOKENS);
    }
}

/// All buckets of the process. Threads keep the `Arc` of a bucket they use, so that a lock is taken
/// only when a thread meets a key for the first time.
#[derive(Debug)]
pub struct Limiter {
    started: Instant,
    addresses: Shards<IpAddr, AddressBuckets>,
    tenants: Shards<TenantId, Bucket>,
}

impl Default for Limiter {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            addresses: Shards::default(),
            tenants: Shards::default(),
        }
    }
}

impl Limiter {
    /// The time of all buckets: nanoseconds since the limiter was made.
    pub fn now(&self, instant: Instant) -> u64 {
        let elapsed = instant.saturating_duration_since(self.started);
        u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX / 2)
    }

    /// The buckets of an address; see [`address_key`].
    pub fn address(&self, key: IpAddr) -> Arc<AddressBuckets> {
        self.addresses.get(key)
    }

    /// The bucket of a tenant.
    pub fn tenant(&self, tenant: TenantId) -> Arc<Bucket> {
        self.tenants.get(tenant)
    }

    /// How many requests each tenant sent, and how many of them its limit refused, since the last
    /// call. Tenants without a request are left out.
    pub fn tenants_since(&self) -> Vec<(TenantId, u32, u32)> {
        let mut found = Vec::new();
        self.tenants.each(|tenant, bucket| {
            let asked = bucket.since(Reader::Requests);
            let refused = bucket.since(Reader::Refusals);
            if asked > 0 {
                found.push((*tenant, asked, refused));
            }
        });
        found
    }

    /// Forgets buckets that are full and that no thread keeps: a new one would be the same.
    pub fn sweep(&self, now: u64) {
        self.addresses
            .retain(|b| !b.requests.is_full(now) || !b.invalid_tokens.is_full(now));
        self.tenants.retain(|b| !b.is_full(now));
    }
}

/// What an address is counted as: itself, or for IPv6 its /64, which is one customer's.
pub fn address_key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let network = v6.to_bits() & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

type Shard<K, V> = Mutex<HashMap<K, Arc<V>>>;

#[derive(Debug)]
struct Shards<K, V> {
    hasher: RandomState,
    maps: [Shard<K, V>; SHARDS],
    overflow: Arc<V>,
}

impl<K, V: Default> Default for Shards<K, V> {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            maps: std::array::from_fn(|_| Mutex::default()),
            overflow: Arc::default(),
        }
    }
}

impl<K: Hash + Eq, V: Default> Shards<K, V> {
    fn shard(&self, key: &K) -> Option<&Shard<K, V>> {
        let hash = usize::try_from(self.hasher.hash_one(key) >> 32).unwrap_or(0);
        self.maps.get(hash % SHARDS)
    }

    fn get(&self, key: K) -> Arc<V> {
        let Some(shard) = self.shard(&key) else {
            return Arc::clone(&self.overflow);
        };
        let mut shard = lock(shard);
        if let Some(found) = shard.get(&key) {
            return Arc::clone(found);
        }
        if shard.len() >= MOST_PER_SHARD {
            return Arc::clone(&self.overflow);
        }
        Arc::clone(shard.entry(key).or_default())
    }

    fn retain(&self, is_needed: impl Fn(&V) -> bool) {
        for shard in &self.maps {
            let mut shard = lock(shard);
            shard.retain(|_, bucket| Arc::strong_count(bucket) > 1 || is_needed(bucket));
            shard.shrink_to(64);
        }
    }
}

/// The maps stay whole whatever thread panicked beside them.
fn lock<K, V>(shard: &Shard<K, V>) -> MutexGuard<'_, HashMap<K, Arc<V>>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let bucket = Bucket::default();
        let start = 5 * NANOS;
        for left in (0..20).rev() {
            assert_eq!(bucket.take(start, 10).unwrap().remaining, left);
        }
        let empty = bucket.take(start, 10).unwrap_err();
        assert_eq!((empty.retry_after, empty.full_in), (1, 2));
        assert!(!bucket.has_some(start, 10));
        let later = start + NANOS / 10;
        assert!(bucket.has_some(later, 10));
        assert_eq!(bucket.take(later, 10).unwrap().remaining, 0);
        assert!(bucket.take(later, 10).is_err());
        assert_eq!(bucket.take(start + 60 * NANOS, 10).unwrap().remaining, 19);
    }

    #[test]
    fn no_rate_is_no_limit_and_a_lower_rate_is_felt_at_once() {
        let bucket = Bucket::default();
        for _ in 0..1000 {
            assert!(bucket.take(0, 0).is_ok());
        }
        for _ in 0..4 {
            assert!(bucket.take(0, 4).is_ok());
        }
        assert!(bucket.take(0, 1).is_err() || bucket.take(0, 1).is_err());
    }

    #[test]
    fn threads_together_get_no_more_than_the_burst() {
        let bucket = Bucket::default();
        let granted = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        if bucket.take(NANOS, 100).is_ok() {
                            granted.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(granted.into_inner(), 200);
    }

    #[test]
    fn invalid_tokens_close_the_door_for_a_while() {
        let address = AddressBuckets::default();
        for _ in 0..20 {
            assert!(address.may_verify(0));
            address.note_invalid(0);
        }
        assert!(!address.may_verify(0));
        assert!(address.may_verify(NANOS));
    }

    #[test]
    fn keys_are_shared_and_forgotten_when_they_tell_nothing() {
        let limiter = Limiter::default();
        let key = address_key("2001:db8:1:2:3::4".parse().unwrap());
        assert_eq!(key, address_key("2001:db8:1:2:ffff::".parse().unwrap()));
        assert_eq!(
            address_key("::ffff:192.0.2.1".parse().unwrap()).to_string(),
            "192.0.2.1"
        );
        limiter.address(key).requests.take(0, 1).unwrap();
        limiter.sweep(0);
        assert!(!limiter.address(key).requests.is_full(0));
        limiter.sweep(10 * NANOS);
        assert!(limiter.address(key).requests.is_full(0));
    }
}
