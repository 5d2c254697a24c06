//! The newest changes, remembered so that a reader that comes back gets what it missed without a
//! question to the database.

use std::collections::{HashSet, VecDeque};

use super::Subject;

/// How many changes are remembered. A reader that missed more gets a snapshot.
pub(super) const REMEMBERED: usize = 5000;

/// A stretch of the log up to the change the table is at.
#[derive(Default)]
pub(super) struct Recent {
    /// Every change after this number is remembered.
    after: i64,
    changes: VecDeque<(i64, Subject)>,
}

impl Recent {
    /// Begins anew: the changes after `after`, in order.
    pub(super) fn restart(&mut self, after: i64, changes: Vec<(i64, Subject)>) {
        self.after = after;
        self.changes = changes.into();
    }

    pub(super) fn extend(&mut self, changes: impl IntoIterator<Item = (i64, Subject)>) {
        self.changes.extend(changes);
        while self.changes.len() > REMEMBERED {
            if let Some((number, _)) = self.changes.pop_front() {
                self.after = number;
            }
        }
    }

    /// What changed after `number`, each subject once, with its last change, in that order.
    pub(super) fn since(&self, number: i64) -> Option<Vec<(i64, Subject)>> {
        if number < self.after {
            return None;
        }
        let newer = self.changes.iter().filter(|(n, _)| *n > number);
        Some(last_of_each(newer.cloned()))
    }
}

/// Each subject once, with its last number, oldest first.
///
/// Somebody who has seen event N has then seen the effect of every change up to N, except of those
/// whose subject changed again: and that event is still to come.
pub(super) fn last_of_each(
    changes: impl DoubleEndedIterator<Item = (i64, Subject)>,
) -> Vec<(i64, Subject)> {
    let mut seen = HashSet::new();
    let mut last: Vec<_> = changes
        .rev()
        .filter(|(_, subject)| seen.insert(subject.clone()))
        .collect();
    last.reverse();
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(number: i64, name: &str) -> (i64, Subject) {
        (number, Subject::Service(name.parse().unwrap()))
    }

    #[test]
    fn each_subject_appears_once_with_its_last_change() {
        let mut recent = Recent::default();
        recent.extend([change(1, "a"), change(2, "b"), change(3, "a")]);
        assert_eq!(recent.since(0).unwrap(), [change(2, "b"), change(3, "a")]);
        assert_eq!(recent.since(2).unwrap(), [change(3, "a")]);
        assert_eq!(recent.since(3).unwrap(), []);
    }

    #[test]
    fn what_is_forgotten_is_not_made_up() {
        let mut recent = Recent::default();
        recent.restart(10, vec![change(11, "a")]);
        assert!(recent.since(9).is_none());
        assert_eq!(recent.since(10).unwrap().len(), 1);
        let many = (12..12 + i64::try_from(REMEMBERED).unwrap()).map(|n| change(n, "a"));
        recent.extend(many);
        assert!(recent.since(10).is_none());
        assert!(recent.since(11).is_some());
    }
}
