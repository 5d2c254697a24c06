//! Passing the phases, again if something has to be waited for.

use std::time::Instant;

use super::{record::Record, view::View, worker::Worker};
use crate::phases::{Admission, Desk, Refusal, admit};

/// What the phases say of a request at `now`.
pub(super) fn pass(
    worker: &Worker,
    view: &View<'_>,
    record: &mut Record,
    now: Instant,
) -> Result<Admission, Refusal> {
    let shared = &worker.shared;
    let table = shared.table.load();
    let policy = shared.policy.load();
    worker.with_trust(|trust, trust_version| {
        let desk = Desk {
            policy: &policy,
            table: &table,
            trust,
            trust_version,
            trust_is_fresh: &|| shared.trust_is_fresh(),
            tokens: &worker.tokens,
            limiter: &shared.limiter,
            addresses: &worker.addresses,
            now: shared.clock.now(),
            ticks: shared.limiter.now(now),
        };
        admit(view, &desk, &mut record.trail)
    })
}

/// Whether that is no answer yet.
pub(super) fn has_to_wait(admission: &Result<Admission, Refusal>) -> bool {
    match admission {
        Ok(admission) => matches!(admission, Admission::Ask(_)),
        Err(refusal) => refusal.is_for_stale_trust(),
    }
}

/// Waits for what is missing, and passes the phases again: trust may have changed meanwhile. Each of
/// the two limits is asked for once, and trust is waited for once, so that this ends.
pub(super) async fn wait(
    worker: &Worker,
    view: &View<'_>,
    record: &mut Record,
    mut admission: Result<Admission, Refusal>,
) -> Result<Admission, Refusal> {
    let mut has_waited = false;
    loop {
        match admission {
            Ok(Admission::Ask(question)) => {
                let whose = question.whose;
                let answer = worker.shared.limiter.ask(*question).await;
                record.trail.settled.answered(whose, answer);
            }
            Err(refusal) if refusal.is_for_stale_trust() && !has_waited => {
                has_waited = true;
                if !worker.until_trust_is_fresh().await {
                    return Err(refusal);
                }
            }
            other => return other,
        }
        admission = pass(worker, view, record, Instant::now());
    }
}
