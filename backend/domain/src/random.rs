//! The injected source of randomness.

use std::sync::{Arc, Mutex, PoisonError};

use rand::{Rng as _, SeedableRng as _, TryRng as _, rngs::StdRng, rngs::SysRng};

/// Where keys, tokens and identifiers get their random bytes from. Cloning shares the source.
#[derive(Clone)]
pub struct Random(Source);

#[derive(Clone)]
enum Source {
    Os,
    Seeded(Arc<Mutex<StdRng>>),
}

impl std::fmt::Debug for Random {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Source::Os => "Random(os)",
            Source::Seeded(_) => "Random(seeded)",
        })
    }
}

impl Random {
    /// The operating system's generator.
    pub const fn os() -> Self {
        Self(Source::Os)
    }

    /// A repeatable sequence for tests. Never a source of real secrets.
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Arc::new(Mutex::new(StdRng::seed_from_u64(
            seed,
        )))))
    }

    /// `N` random bytes.
    ///
    /// # Panics
    ///
    /// If the operating system's generator fails, which Linux's does not once it has been seeded.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match &self.0 {
            Source::Os => {
                #[expect(
                    clippy::expect_used,
                    reason = "a machine whose generator fails cannot run safely; Linux's getrandom \
                              does not fail once it has been seeded"
                )]
                SysRng
                    .try_fill_bytes(&mut bytes)
                    .expect("the operating system's random generator failed");
            }
            Source::Seeded(rng) => rng
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .fill_bytes(&mut bytes),
        }
        bytes
    }

    /// A number in `0..bound`; 0 for a bound of 0. For jitter and for drawing letters; the bias of
    /// the remainder is below 2⁻³² for every bound used here.
    pub fn below(&self, bound: u32) -> u32 {
        let wide = u64::from_le_bytes(self.bytes());
        u32::try_from(wide % u64::from(bound.max(1))).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_the_os_never_repeats() {
        assert_eq!(
            Random::seeded(7).bytes::<32>(),
            Random::seeded(7).bytes::<32>()
        );
        assert_ne!(Random::os().bytes::<32>(), Random::os().bytes::<32>());
    }
}
