//! Which traces are recorded.

use saas_domain::Random;

use super::TraceId;

/// Decides about a trace where it begins; everybody behind follows.
#[derive(Clone, Copy, Debug)]
pub struct Sampler {
    /// A trace is recorded if the lower half of its identifier, shifted by one, is below this.
    below: u64,
    follows_parent: bool,
}

impl Sampler {
    /// Records this part of the traces, from 0 to 1. If it follows the parent, whoever sent a trace
    /// along has decided about that one.
    pub fn new(ratio: f64, follows_parent: bool) -> Self {
        const ALL: u64 = 1 << 63;
        // Fifty-three bits of a ratio are finer than anybody needs.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "the ratio is between 0 and 1, so that the product fits"
        )]
        let below = (ratio.clamp(0.0, 1.0) * ALL as f64) as u64;
        Self {
            below,
            follows_parent,
        }
    }

    /// Whether the trace is recorded, given what its sender decided, if it has one. The decision
    /// about a trace that begins here depends on its identifier alone, in the way of OpenTelemetry's
    /// `TraceIdRatioBased`, so that everybody with the same ratio decides the same. A sender that may
    /// not decide may not do so by its choice of the identifier either: chance does.
    pub fn takes(&self, trace: TraceId, parent: Option<bool>, random: &Random) -> bool {
        let decisive = match parent {
            Some(is_sampled) if self.follows_parent => return is_sampled,
            Some(_) => random.bytes(),
            None => trace,
        };
        let [_, lower] = halves(decisive);
        lower >> 1 < self.below
    }
}

fn halves(trace: TraceId) -> [u64; 2] {
    let whole = u128::from_be_bytes(trace);
    [whole >> 64, whole & u128::from(u64::MAX)].map(|half| u64::try_from(half).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(ratio: f64) -> usize {
        let (sampler, random) = (Sampler::new(ratio, true), Random::seeded(1));
        let traces = (0..10_000).map(|_| random.bytes());
        let nobody = Random::seeded(2);
        traces
            .filter(|trace| sampler.takes(*trace, None, &nobody))
            .count()
    }

    #[test]
    fn the_ratio_decides_about_new_traces() {
        assert_eq!(taken(0.0), 0);
        assert_eq!(taken(1.0), 10_000);
        let some = taken(0.1);
        assert!((900..1_100).contains(&some), "{some}");
    }

    #[test]
    fn a_parent_decides_if_it_may() {
        let random = Random::seeded(1);
        let none = Sampler::new(0.0, true);
        assert!(none.takes([1; 16], Some(true), &random));
        let all = Sampler::new(1.0, true);
        assert!(!all.takes([1; 16], Some(false), &random));
        let own = Sampler::new(0.0, false);
        assert!(!own.takes([1; 16], Some(true), &random));
    }

    #[test]
    fn a_sender_that_may_not_decide_cannot_choose_an_identifier_that_is_taken() {
        let (sampler, random) = (Sampler::new(0.01, false), Random::seeded(1));
        let chosen = |last: u8| {
            let mut trace = [0; 16];
            trace[15] = last;
            trace
        };
        for trace in [chosen(1), [0xff; 16]] {
            let taken = (0..10_000).filter(|_| sampler.takes(trace, Some(true), &random));
            let taken = taken.count();
            assert!((50..200).contains(&taken), "{taken}");
        }
        assert!(sampler.takes(chosen(1), None, &random));
    }
}
