//! Token buckets per tenant and per address, in atomics that all threads share: see [`Bucket`].
//!
//! Several gateways share each limit. With Redis they lease their tokens there, and no more than
//! the limit passes: see [`central`]. Without, what other gateways may use of a limit is withheld
//! from its bucket: see [`shares`].

mod bucket;
pub mod central;
pub mod shares;

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::{BuildHasher as _, Hash},
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use saas_domain::TenantId;

pub use bucket::{Bucket, Empty, Left, Short};
pub use saas_cache::BURST_SECONDS;

use bucket::Reader;
use central::{Central, Kept};

const SHARDS: usize = 16;
/// Keys kept per shard. Past that, what does not fit shares one bucket: memory stays bounded
/// whatever addresses somebody invents.
const MOST_PER_SHARD: usize = 8192;

/// A rate of invalid tokens that nobody reaches by accident: 10 a second after a burst of 20.
const INVALID_TOKENS: u32 = 10;

/// The buckets of one client address.
#[derive(Debug, Default)]
pub struct AddressBuckets {
    /// All its requests.
    pub requests: Bucket,
    /// Always counted here alone: it spares this gateway's processor, which is nobody else's.
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
        let _ = self.invalid_tokens.take_here(now, INVALID_TOKENS);
    }
}

/// All buckets of the process. Threads keep the `Arc` of a bucket they use, so that a lock is taken
/// only when a thread meets a key for the first time.
#[derive(Debug)]
pub struct Limiter {
    started: Instant,
    addresses: Shards<IpAddr, AddressBuckets>,
    tenants: Shards<TenantId, Bucket>,
    central: Option<Central>,
}

impl Default for Limiter {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Limiter {
    /// No buckets yet. With somebody to ask, gateways share each limit exactly.
    pub fn new(central: Option<Central>) -> Self {
        Self {
            started: Instant::now(),
            addresses: Shards::default(),
            tenants: Shards::default(),
            central,
        }
    }

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

    /// Whether it is a bucket of its own, and not the one of all for whom there is no room: that
    /// one is counted in this process alone.
    fn is_own(&self, kept: &Kept) -> bool {
        match kept {
            Kept::Address(buckets) => !Arc::ptr_eq(buckets, &self.addresses.overflow),
            Kept::Tenant(bucket) => !Arc::ptr_eq(bucket, &self.tenants.overflow),
        }
    }

    /// Forgets buckets that are full and that nobody keeps: a new one would be the same. One with
    /// leased tokens is kept by who leased them.
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
    use super::{bucket::NANOS, *};

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
        limiter.address(key).requests.take(0, 1, false).unwrap();
        limiter.sweep(0);
        assert!(!limiter.address(key).requests.is_full(0));
        limiter.sweep(10 * NANOS);
        assert!(limiter.address(key).requests.is_full(0));
    }
}
