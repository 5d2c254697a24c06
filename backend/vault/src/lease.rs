//! How long a token lives.

use std::time::{Duration, Instant};

use saas_domain::Random;
use serde_json::Value;

/// The time that a token was given, counted from when it was given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lease {
    began: Instant,
    lasts: Duration,
    /// What the token was given at first.
    whole: Duration,
    pub(crate) is_renewable: bool,
}

impl Lease {
    /// From an answer of Vault's; `None` for a token that never expires.
    pub(crate) fn of(told: &Value, seconds: &str) -> Option<Self> {
        let seconds = told.get(seconds)?.as_u64().filter(|seconds| *seconds > 0)?;
        let lasts = Duration::from_secs(seconds);
        Some(Self {
            began: Instant::now(),
            lasts,
            whole: lasts,
            is_renewable: told.get("renewable").and_then(Value::as_bool) == Some(true),
        })
    }

    /// This one, given in renewal of another.
    pub(crate) fn after(self, before: Self) -> Self {
        Self {
            whole: before.whole,
            ..self
        }
    }

    /// How long it still lives.
    pub(crate) fn remains(&self) -> Duration {
        self.lasts.saturating_sub(self.began.elapsed())
    }

    /// When to renew it: after about two thirds, a tenth earlier by chance, so that processes that
    /// were started together do not all come together.
    pub(crate) fn until_renewal(&self, random: &Random) -> Duration {
        let part = 2.0 / 3.0 - f64::from(random.below(667)) / 10_000.0;
        let due = self.lasts.mul_f64(part);
        due.saturating_sub(self.began.elapsed())
    }

    /// Whether a renewal gave it less than a third of what it had at first.
    pub(crate) fn is_running_out(&self) -> bool {
        self.lasts < self.whole / 3
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_is_renewed_after_about_two_thirds_until_its_maximum_is_near() {
        let told = |seconds| json!({ "lease_duration": seconds, "renewable": true });
        let hour = Lease::of(&told(3600), "lease_duration").unwrap();
        let random = Random::seeded(3);
        let mut times: Vec<u64> = (0..50)
            .map(|_| hour.until_renewal(&random).as_secs())
            .collect();
        times.sort_unstable();
        assert!(times[0] >= 2150 && times[49] <= 2400, "{times:?}");
        assert!(times[49] - times[0] > 100, "{times:?}");
        assert!(hour.is_renewable && !hour.is_running_out());

        let shorter = |seconds| {
            let lease = Lease::of(&told(seconds), "lease_duration").unwrap();
            lease.after(hour).is_running_out()
        };
        assert!(!shorter(1200));
        assert!(shorter(1199));
        assert!(Lease::of(&told(0), "lease_duration").is_none());
        assert!(Lease::of(&json!({}), "ttl").is_none());
    }
}
