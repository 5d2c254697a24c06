//! Several gateways, one limit, without Redis.
//!
//! Each gateway tells the registry once a second who asked how often, and is told which part of
//! each limit is its own: as its demand is to everybody's. The parts add up to the limit, so that
//! under steady demand no more passes than the limit says. While demand moves from one gateway to
//! another the news is up to two seconds old, and without a registry there is none: then each
//! gateway counts for itself, and at most the limit times the number of gateways passes.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use saas_registry_client::wire::{GatewayShares, MOST_DEMAND};

use super::{
    Bucket, Limiter,
    bucket::{Reader, WHOLE},
    central::Kept,
    lock,
};

/// Counts over less than this say little about a second.
const SHORTEST_COUNT: Duration = Duration::from_millis(900);
/// Shares older than this are given up: who they were shared with may be gone.
const LONGEST_SHARE: Duration = Duration::from_secs(5);

/// This gateway's part in sharing limits. Used by the control plane alone.
#[derive(Debug)]
pub struct Sharing {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Whether there is anybody to share with.
    has_others: bool,
    counted_at: Instant,
    demand: BTreeMap<String, u32>,
    told_at: Instant,
    shared: Vec<Kept>,
}

impl Default for Sharing {
    fn default() -> Self {
        let now = Instant::now();
        Self {
            state: Mutex::new(State {
                has_others: false,
                counted_at: now,
                demand: BTreeMap::new(),
                told_at: now,
                shared: Vec::new(),
            }),
        }
    }
}

impl Sharing {
    /// What was asked for in the last second, by whose limit it counts against: the busiest. Empty
    /// while this gateway is the only one.
    pub fn demand(&self, limiter: &Limiter, now: Instant) -> BTreeMap<String, u32> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(state.told_at) > LONGEST_SHARE {
            state.give_back();
        }
        if !state.has_others {
            return BTreeMap::new();
        }
        let counted = now.saturating_duration_since(state.counted_at);
        if counted >= SHORTEST_COUNT {
            state.counted_at = now;
            state.demand = count(limiter, counted);
        }
        state.demand.clone()
    }

    /// Takes in what the registry says.
    pub fn apply(&self, limiter: &Limiter, told: &GatewayShares, now: Instant) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.told_at = now;
        state.has_others = told.gateways > 1;
        let before = std::mem::take(&mut state.shared);
        for (key, share) in &told.shares {
            if let Some(shared) = limiter.find(key) {
                shared.bucket().withhold(*share);
                state.shared.push(shared);
            }
        }
        for old in &before {
            let is_shared = |new: &Kept| std::ptr::eq(new.bucket(), old.bucket());
            if !state.shared.iter().any(is_shared) {
                old.bucket().withhold(1.0);
            }
        }
    }
}

impl State {
    fn give_back(&mut self) {
        for shared in self.shared.drain(..) {
            shared.bucket().withhold(1.0);
        }
    }
}

impl Bucket {
    /// From here on `share` of the rate is this gateway's; what makes no sense is taken as all.
    fn withhold(&self, share: f64) {
        let share = if share > 0.0 && share < 1.0 {
            share
        } else {
            1.0
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "between 0 and a million"
        )]
        let withheld = ((1.0 - share) * WHOLE as f64) as u32;
        let most = u32::try_from(WHOLE - 1).unwrap_or(u32::MAX);
        self.withheld.store(withheld.min(most), Ordering::Relaxed);
    }
}

impl Limiter {
    /// The bucket a name in a report stands for, if anybody has used it.
    fn find(&self, key: &str) -> Option<Kept> {
        match key.split_once(':')? {
            ("tenant", id) => {
                let found = self.tenants.find(&id.parse().ok()?);
                found.map(Kept::Tenant)
            }
            ("address", address) => {
                let found = self.addresses.find(&address.parse().ok()?);
                found.map(Kept::Address)
            }
            _ => None,
        }
    }
}

/// Requests a second since the last count, of those who asked most.
fn count(limiter: &Limiter, over: Duration) -> BTreeMap<String, u32> {
    let mut asked = Vec::new();
    limiter.tenants.each(|tenant, bucket| {
        let count = bucket.since(Reader::Shares);
        if count > 0 {
            asked.push((count, format!("tenant:{tenant}")));
        }
    });
    limiter.addresses.each(|address, buckets| {
        let count = buckets.requests.since(Reader::Shares);
        if count > 0 {
            asked.push((count, format!("address:{address}")));
        }
    });
    if asked.len() > MOST_DEMAND {
        asked.select_nth_unstable_by(MOST_DEMAND, |a, b| b.0.cmp(&a.0));
        asked.truncate(MOST_DEMAND);
    }
    let millis = u64::try_from(over.as_millis()).unwrap_or(u64::MAX).max(1);
    let a_second = |count: u32| {
        let rate = (u64::from(count) * 1000).div_ceil(millis);
        u32::try_from(rate).unwrap_or(u32::MAX)
    };
    let demand = asked.into_iter();
    demand.map(|(count, key)| (key, a_second(count))).collect()
}

impl<K: std::hash::Hash + Eq, V: Default> super::Shards<K, V> {
    fn find(&self, key: &K) -> Option<Arc<V>> {
        lock(self.shard(key)?).get(key).map(Arc::clone)
    }

    pub(super) fn each(&self, mut each: impl FnMut(&K, &V)) {
        for shard in &self.maps {
            lock(shard).iter().for_each(|(key, value)| each(key, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::bucket::NANOS;
    use super::*;
    use saas_domain::{Clock, Random, TenantId};

    fn told(gateways: u32, key: &str, share: f64) -> GatewayShares {
        GatewayShares {
            gateways,
            shares: BTreeMap::from([(key.to_owned(), share)]),
        }
    }

    /// How many requests pass in ten seconds of asking far too often.
    fn passed(bucket: &Bucket, rate: u32) -> u32 {
        let start = 1_000 * NANOS;
        let asks = 0..100_000;
        let passes =
            asks.filter(|ask| bucket.take_here(start + ask * NANOS / 10_000, rate).is_ok());
        u32::try_from(passes.count()).unwrap()
    }

    #[test]
    fn shares_add_up_to_the_limit() {
        let tenant = TenantId::generate(&Clock::system(), &Random::os());
        let sum = [0.75, 0.25].map(|share| {
            let limiter = Limiter::default();
            let bucket = limiter.tenant(tenant);
            let key = format!("tenant:{tenant}");
            Sharing::default().apply(&limiter, &told(2, &key, share), Instant::now());
            passed(&bucket, 100)
        });
        // Ten seconds' worth and the burst of two, to a request for rounding.
        assert!(
            sum[0].abs_diff(900) <= 1 && sum[1].abs_diff(300) <= 1,
            "{sum:?}"
        );
    }

    #[test]
    fn the_smallest_share_lets_a_request_through_now_and_then() {
        let limiter = Limiter::default();
        let buckets = limiter.address("192.0.2.1".parse().unwrap());
        let sharing = Sharing::default();
        let smallest = told(2, "address:192.0.2.1", 0.05);
        sharing.apply(&limiter, &smallest, Instant::now());
        assert_eq!(passed(&buckets.requests, 1), 1);
    }

    #[test]
    fn demand_is_told_only_where_it_is_shared_and_by_the_second() {
        let limiter = Limiter::default();
        let sharing = Sharing::default();
        let buckets = limiter.address("192.0.2.1".parse().unwrap());
        let ask = |times: u32| {
            for _ in 0..times {
                let _ = buckets.requests.take(NANOS, 10, false);
            }
        };
        let now = Instant::now();
        ask(30);
        assert!(sharing.demand(&limiter, now).is_empty());
        let shares = GatewayShares {
            gateways: 2,
            ..GatewayShares::default()
        };
        sharing.apply(&limiter, &shares, now);
        ask(30);
        let key = "address:192.0.2.1".to_owned();
        let two_seconds = now + Duration::from_secs(2);
        assert_eq!(
            sharing.demand(&limiter, two_seconds),
            BTreeMap::from([(key, 30)])
        );
    }

    #[test]
    fn what_is_no_longer_shared_is_whole_again() {
        let limiter = Limiter::default();
        let sharing = Sharing::default();
        let buckets = limiter.address("192.0.2.1".parse().unwrap());
        let shared = told(2, "address:192.0.2.1", 0.5);
        let withheld = || buckets.requests.withheld.load(Ordering::Relaxed);
        let now = Instant::now();
        sharing.apply(&limiter, &shared, now);
        assert_eq!(withheld(), 500_000);
        sharing.apply(&limiter, &GatewayShares::default(), now);
        assert_eq!(withheld(), 0);
        // The registry fell silent.
        sharing.apply(&limiter, &shared, now);
        sharing.demand(&limiter, now + Duration::from_secs(4));
        assert_eq!(withheld(), 500_000);
        sharing.demand(&limiter, now + Duration::from_secs(6));
        assert_eq!(withheld(), 0);
    }
}
