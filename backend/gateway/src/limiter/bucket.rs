//! One bucket.
//!
//! It is one number: the time at which it would be full again (the generic cell rate algorithm,
//! ITU-T I.371). Taking is one compare-and-swap; a bucket nobody uses fills by itself. Where Redis
//! keeps the bucket, the number is what Redis said last, and tokens are leased.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

use saas_cache::BURST_SECONDS;

pub(super) const NANOS: u64 = 1_000_000_000;
/// How far a bucket reaches.
const DEPTH: u64 = NANOS * BURST_SECONDS as u64;
/// Shares are counted in millionths.
pub(super) const WHOLE: u64 = 1_000_000;

/// One bucket.
#[derive(Debug, Default)]
pub struct Bucket {
    /// Nanoseconds (of [`Limiter::now`](super::Limiter::now)) at which the bucket is full.
    full_at: AtomicU64,
    /// Tokens leased from Redis and not used yet. They are gone from the bucket already.
    credit: AtomicU32,
    /// Nanoseconds before which Redis is not asked for more.
    ask_after: AtomicU64,
    /// Millionths of the rate that are other gateways', less than [`WHOLE`].
    pub(super) withheld: AtomicU32,
    /// Requests, those refused included. Wraps; each reader keeps what it has counted already.
    asked: AtomicU32,
    refused: AtomicU32,
    counted: [AtomicU32; 3],
}

/// Who counts what a bucket was asked for, each for itself.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reader {
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

/// Why there is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Short {
    /// The bucket is empty.
    Empty(Empty),
    /// There may be some in Redis.
    Ask,
}

impl Bucket {
    /// Takes one token at `now` (nanoseconds), of `rate` a second. The rate may change between
    /// calls; 0 lets everything through. If the bucket is Redis', it is one of those leased, and
    /// without any, what Redis said last decides: a flood that it would refuse does not reach it.
    pub fn take(&self, now: u64, rate: u32, is_central: bool) -> Result<Left, Short> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.take_credit() {
            return Ok(self.left(now, rate));
        }
        if !is_central || rate == 0 {
            return self.take_here(now, rate).map_err(Short::Empty);
        }
        if now < self.ask_after.load(Ordering::Relaxed) || !self.has_some(now, rate) {
            return Err(Short::Empty(self.empty(now, rate)));
        }
        Err(Short::Ask)
    }

    /// Takes one of the leased tokens, if there is any.
    pub fn take_credit(&self) -> bool {
        let one_less = |credit: u32| credit.checked_sub(1);
        self.credit
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
            .is_ok()
    }

    /// Leased tokens.
    pub fn credit(&self) -> u32 {
        self.credit.load(Ordering::Relaxed)
    }

    /// Adds leased tokens.
    pub fn add_credit(&self, tokens: u32) {
        self.credit.fetch_add(tokens, Ordering::Relaxed);
    }

    /// Takes all leased tokens, to give them back.
    pub fn drop_credit(&self) -> u32 {
        self.credit.swap(0, Ordering::Relaxed)
    }

    /// Redis, asked at `now`, said when the bucket is full.
    pub fn told(&self, now: u64, full_in: Duration) {
        let full_in = u64::try_from(full_in.as_nanos()).unwrap_or(0);
        self.full_at.store(now + full_in, Ordering::Relaxed);
    }

    /// Redis is not asked for more before this time.
    pub fn ask_after(&self, time: u64) {
        self.ask_after.store(time, Ordering::Relaxed);
    }

    /// What is left as Redis said last, with the leased tokens.
    pub fn left(&self, now: u64, rate: u32) -> Left {
        let cost = cost(rate);
        let credit = self.credit();
        let debt = self.debt(now);
        let room = DEPTH.saturating_sub(debt) / cost;
        let debt = debt.saturating_sub(cost.saturating_mul(u64::from(credit)));
        Left {
            remaining: small(room).saturating_add(credit),
            full_in: small(debt.div_ceil(NANOS)),
        }
    }

    /// How empty it is as Redis said last.
    pub fn empty(&self, now: u64, rate: u32) -> Empty {
        let debt = self.debt(now);
        let retry = (debt + cost(rate)).saturating_sub(DEPTH).div_ceil(NANOS);
        Empty {
            retry_after: small(retry.max(1)),
            full_in: small(debt.div_ceil(NANOS)),
        }
    }

    fn debt(&self, now: u64) -> u64 {
        self.full_at.load(Ordering::Relaxed).saturating_sub(now)
    }

    /// Takes one token of the share that this gateway has of `rate`, without asking anybody.
    pub fn take_here(&self, now: u64, rate: u32) -> Result<Left, Empty> {
        let share = WHOLE.saturating_sub(u64::from(self.withheld.load(Ordering::Relaxed)));
        let Some(cost) = (NANOS * WHOLE).checked_div(u64::from(rate) * share) else {
            return Ok(Left {
                remaining: u32::MAX,
                full_in: 0,
            });
        };
        // However small the share, a full bucket holds one request.
        let depth = cost.max(DEPTH);
        let mut full_at = self.full_at.load(Ordering::Relaxed);
        loop {
            let next = full_at.max(now) + cost;
            if next - now > depth {
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

    /// A request was refused for want of a token.
    pub fn note_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// What came since this reader last asked.
    pub(super) fn since(&self, reader: Reader) -> u32 {
        let [shares, requests, refusals] = &self.counted;
        let (count, counted) = match reader {
            Reader::Shares => (&self.asked, shares),
            Reader::Requests => (&self.asked, requests),
            Reader::Refusals => (&self.refused, refusals),
        };
        let count = count.load(Ordering::Relaxed);
        count.wrapping_sub(counted.swap(count, Ordering::Relaxed))
    }

    /// Whether a token could be taken, without taking it.
    pub fn has_some(&self, now: u64, rate: u32) -> bool {
        rate == 0 || self.debt(now) + cost(rate) <= DEPTH
    }

    /// Whether it tells nothing that a new one would not.
    pub fn is_full(&self, now: u64) -> bool {
        self.full_at.load(Ordering::Relaxed) <= now
    }
}

/// Nanoseconds that refill one token.
fn cost(rate: u32) -> u64 {
    NANOS.checked_div(u64::from(rate)).unwrap_or(0).max(1)
}

fn small(seconds: u64) -> u32 {
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let bucket = Bucket::default();
        let start = 5 * NANOS;
        for left in (0..20).rev() {
            assert_eq!(bucket.take_here(start, 10).unwrap().remaining, left);
        }
        let empty = bucket.take_here(start, 10).unwrap_err();
        assert_eq!((empty.retry_after, empty.full_in), (1, 2));
        assert!(!bucket.has_some(start, 10));
        let later = start + NANOS / 10;
        assert!(bucket.has_some(later, 10));
        assert_eq!(bucket.take_here(later, 10).unwrap().remaining, 0);
        assert!(bucket.take_here(later, 10).is_err());
        assert_eq!(
            bucket.take_here(start + 60 * NANOS, 10).unwrap().remaining,
            19
        );
    }

    #[test]
    fn no_rate_is_no_limit_and_a_lower_rate_is_felt_at_once() {
        let bucket = Bucket::default();
        for _ in 0..1000 {
            assert!(bucket.take_here(0, 0).is_ok());
        }
        for _ in 0..4 {
            assert!(bucket.take_here(0, 4).is_ok());
        }
        assert!(bucket.take_here(0, 1).is_err() || bucket.take_here(0, 1).is_err());
    }

    #[test]
    fn threads_together_get_no_more_than_the_burst() {
        let bucket = Bucket::default();
        let granted = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        if bucket.take_here(NANOS, 100).is_ok() {
                            granted.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(granted.into_inner(), 200);
    }

    #[test]
    fn leased_tokens_are_used_once_and_then_somebody_has_to_ask() {
        let bucket = Bucket::default();
        let now = 5 * NANOS;
        assert_eq!(bucket.take(now, 10, true), Err(Short::Ask));
        // Three of twenty were leased, which fill again in 0.3 seconds.
        bucket.told(now, SECOND * 3 / 10);
        bucket.add_credit(3);
        for left in [19, 18, 17] {
            assert_eq!(bucket.take(now, 10, true).unwrap().remaining, left);
        }
        assert_eq!(bucket.take(now, 10, true), Err(Short::Ask));
        bucket.add_credit(2);
        assert_eq!((bucket.drop_credit(), bucket.credit()), (2, 0));
        assert!(!bucket.take_credit());
    }

    #[test]
    fn an_empty_bucket_refuses_without_asking_until_there_is_room() {
        let bucket = Bucket::default();
        let now = 5 * NANOS;
        bucket.told(now, SECOND * 2);
        let empty = Empty {
            retry_after: 1,
            full_in: 2,
        };
        assert_eq!(bucket.take(now, 10, true), Err(Short::Empty(empty)));
        assert_eq!(bucket.take(now + NANOS / 10, 10, true), Err(Short::Ask));
        bucket.ask_after(now + NANOS / 5);
        assert!(matches!(
            bucket.take(now + NANOS / 10, 10, true),
            Err(Short::Empty(_))
        ));
        assert!(bucket.take(now, 0, true).is_ok());
    }

    #[test]
    fn without_redis_it_goes_on_from_where_redis_was() {
        let bucket = Bucket::default();
        let now = 5 * NANOS;
        bucket.told(now, SECOND);
        bucket.add_credit(1);
        let passes = (0..30).filter(|_| bucket.take(now, 10, false).is_ok());
        // The half that was left, and the token leased.
        assert_eq!(passes.count(), 11);
    }
}
