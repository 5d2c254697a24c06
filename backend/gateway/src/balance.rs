//! Which instance gets a request: of those that work, the one with the fewest requests under way
//! for its weight.

use std::sync::Arc;

use crate::table::Instance;

/// Chooses among the instances that were not tried. One that could not be connected to lately is
/// chosen only when there is no other. `turn` differs from call to call, so that equals take turns.
pub fn choose<'a>(
    instances: &'a [Arc<Instance>],
    tried: &[u64],
    turn: usize,
    now_ms: u64,
) -> Option<&'a Arc<Instance>> {
    let (before, from) = instances.split_at(turn.checked_rem(instances.len())?);
    let in_turn = || {
        from.iter()
            .chain(before)
            .filter(|instance| !tried.contains(&instance.state.key))
    };
    least(in_turn().filter(|instance| !instance.state.is_ejected(now_ms)))
        .or_else(|| least(in_turn()))
}

fn least<'a>(instances: impl Iterator<Item = &'a Arc<Instance>>) -> Option<&'a Arc<Instance>> {
    // The load it would have with this request, as a fraction of its weight; the first of equals.
    instances
        .map(|instance| (u64::from(instance.state.in_flight()) + 1, instance))
        .reduce(|best, next| {
            let is_less = next.0 * u64::from(best.1.weight) < best.0 * u64::from(next.1.weight);
            if is_less { next } else { best }
        })
        .map(|(_, instance)| instance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::InstanceState;
    use http::HeaderValue;

    fn instances(weights: &[u32]) -> Vec<Arc<Instance>> {
        (1..)
            .zip(weights)
            .map(|(key, weight)| {
                Arc::new(Instance {
                    id: format!("i{key}").parse().unwrap(),
                    addresses: Vec::new(),
                    authority: HeaderValue::from_static("test"),
                    weight: *weight,
                    state: Arc::new(InstanceState::new(key)),
                })
            })
            .collect()
    }

    fn spread(weights: &[u32], requests: usize) -> Vec<usize> {
        let instances = instances(weights);
        let mut under_way = Vec::new();
        let mut counts = vec![0; weights.len()];
        for turn in 0..requests {
            let chosen = choose(&instances, &[], turn, 0).unwrap();
            under_way.push(chosen.state.enter());
            counts[usize::try_from(chosen.state.key).unwrap() - 1] += 1;
        }
        counts
    }

    #[test]
    fn requests_under_way_follow_the_weights() {
        assert_eq!(spread(&[100, 100], 10), [5, 5]);
        assert_eq!(spread(&[300, 100], 40), [30, 10]);
        assert_eq!(spread(&[1, 1, 1], 9), [3, 3, 3]);
    }

    #[test]
    fn idle_equals_take_turns() {
        let instances = instances(&[100, 100]);
        let key = |turn| choose(&instances, &[], turn, 0).unwrap().state.key;
        assert_eq!([key(0), key(1), key(2)], [1, 2, 1]);
    }

    #[test]
    fn ejected_ones_are_the_last_resort_and_tried_ones_none() {
        let instances = instances(&[100, 100]);
        for _ in 0..3 {
            instances[0].state.note_connect_failure(0);
        }
        for turn in 0..4 {
            let chosen = choose(&instances, &[], turn, 0).unwrap();
            assert_eq!(chosen.state.key, 2);
        }
        assert_eq!(choose(&instances, &[2], 0, 0).unwrap().state.key, 1);
        assert!(choose(&instances, &[1, 2], 0, 0).is_none());
        assert!(choose(&[], &[], 7, 0).is_none());
    }
}
