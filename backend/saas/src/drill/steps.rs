//! What a drill went through, and how long each step took.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    /// All was as it should be.
    Ok,
    /// It was not, and the drill ended there.
    Failed,
}

impl Outcome {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
        }
    }
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Step {
    /// Which: find, verify, restore, compare, migrate, core, `sign_in`, read, count, objectives.
    pub(crate) name: String,
    pub(crate) outcome: Outcome,
    /// How long it took. Whole, as all numbers of a signed report are.
    pub(crate) milliseconds: u64,
    /// What was seen.
    pub(crate) seen: String,
}

/// The steps so far.
#[derive(Default)]
pub(super) struct Steps {
    done: Vec<Step>,
    under_way: Option<(&'static str, Instant, Option<Duration>)>,
}

impl Steps {
    pub(super) fn begin(&mut self, name: &'static str) {
        self.under_way = Some((name, Instant::now(), None));
    }

    pub(super) fn done(&mut self, seen: impl Into<String>) {
        self.end(Outcome::Ok, seen.into());
    }

    /// What goes on from here is no part of the step.
    pub(super) fn pause(&mut self) {
        if let Some((_, began, took)) = &mut self.under_way {
            *took = Some(began.elapsed());
        }
    }

    /// All of them; the one that is under way is where it failed.
    pub(super) fn end_with(mut self, fault: Option<&str>) -> Vec<Step> {
        if let Some(fault) = fault {
            self.end(Outcome::Failed, fault.to_owned());
        }
        self.done
    }

    fn end(&mut self, outcome: Outcome, seen: String) {
        if let Some((name, began, took)) = self.under_way.take() {
            self.done.push(Step {
                name: name.to_owned(),
                outcome,
                milliseconds: whole_millis(took.unwrap_or_else(|| began.elapsed())),
                seen,
            });
        }
    }
}

pub(super) fn whole_millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
