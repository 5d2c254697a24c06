//! Whether Redis answers.

use std::{
    fmt,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use redis::RedisResult;

/// After a failure nobody waits for Redis for this long.
const REST: Duration = Duration::from_secs(1);

/// Remembers failures, so that nobody waits for a server that is away, and tells only changes.
pub(crate) struct Away {
    /// What happens without Redis, for the log.
    without: &'static str,
    began: Instant,
    /// Milliseconds after `began` until which Redis is not asked.
    until: AtomicU64,
    /// Whether the last answer was a failure, so that only the change of it is logged.
    failing: AtomicBool,
    /// Calls that failed.
    failures: AtomicU64,
}

impl fmt::Debug for Away {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Away")
    }
}

impl Away {
    pub(crate) fn new(without: &'static str) -> Self {
        Self {
            without,
            began: Instant::now(),
            until: AtomicU64::new(0),
            failing: AtomicBool::new(false),
            failures: AtomicU64::new(0),
        }
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn is_resting(&self) -> bool {
        self.elapsed() < self.until.load(Ordering::Relaxed)
    }

    /// How many calls have failed.
    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Takes note of an answer, and hands it on.
    pub(crate) fn note<T>(&self, result: RedisResult<T>) -> RedisResult<T> {
        match &result {
            Ok(_) => {
                if self.failing.swap(false, Ordering::Relaxed) {
                    tracing::info!("Redis answers again");
                }
            }
            Err(error) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                let rest = u64::try_from(REST.as_millis()).unwrap_or(0);
                self.until.store(self.elapsed() + rest, Ordering::Relaxed);
                if !self.failing.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%error, "Redis does not answer; {}", self.without);
                }
            }
        }
        result
    }
}
