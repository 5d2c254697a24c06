//! Trust as this process knows it, and everybody who reads it from here.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwap, Guard};
use axum::response::Response;
use chrono::{DateTime, Utc};
use saas_cache::Changes;
use saas_registry_client::{Table as _, TrustTable, boot_millis, wire::TrustEvent};
use saas_web::{EventId, Frame, Problem, StreamHub};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::event_name;
use crate::refusal::Refusal;

/// How long a writer waits until this process has heard of its own change.
const OWN_CHANGE: Duration = Duration::from_secs(2);
/// How many events are kept for readers that come back.
const KEPT: usize = 1024;
/// Without a look at the log for this long, the streams fall silent. The log is looked at every
/// 500 ms, so two looks may fail.
const STREAMS_SILENT_AFTER: Duration = Duration::from_millis(1500);
/// Without a look at the log for this long, core believes no token itself.
const BLIND_AFTER: Duration = Duration::from_secs(5);

/// Trust at one place of the change log, replaced whole with every change.
pub(crate) struct Trust {
    table: ArcSwap<TrustTable>,
    hub: StreamHub,
    /// Guards the order of events and the answer to a new reader.
    sent: Mutex<Sent>,
    applied: watch::Sender<i64>,
    changes: Arc<Changes>,
    /// When the log was last looked at, by a clock that goes on while the machine sleeps.
    looked: AtomicU64,
}

/// What was sent lately.
struct Sent {
    /// The newest change that is in the table.
    number: i64,
    /// Up to this number, events may be missing from `recent`.
    floor: i64,
    recent: VecDeque<Frame>,
    /// The snapshot at `number`, once somebody asked for it.
    snapshot: Option<Frame>,
}

impl Trust {
    /// Trust as it was at the change `number`.
    pub fn new(
        table: TrustTable,
        position: EventId,
        changes: Arc<Changes>,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            table: ArcSwap::from_pointee(table),
            hub: StreamHub::confirmed_for(position.epoch, shutdown, STREAMS_SILENT_AFTER),
            sent: Mutex::new(Sent {
                number: position.number,
                floor: position.number,
                recent: VecDeque::new(),
                snapshot: None,
            }),
            applied: watch::Sender::new(position.number),
            changes,
            looked: AtomicU64::new(boot_millis()),
        }
    }

    /// The table as it is now.
    pub fn table(&self) -> Guard<Arc<TrustTable>> {
        self.table.load()
    }

    /// Whether the log was looked at lately. If not, an ended session might still seem to go on.
    pub fn is_fresh(&self) -> bool {
        self.since_looked() < BLIND_AFTER
    }

    fn since_looked(&self) -> Duration {
        let since = boot_millis().saturating_sub(self.looked.load(Ordering::Acquire));
        Duration::from_millis(since)
    }

    /// The place in the log up to which the table is complete.
    pub fn position(&self) -> EventId {
        self.hub.id(self.lock().number)
    }

    /// How many streams are open.
    pub fn readers(&self) -> usize {
        self.hub.readers()
    }

    /// Says that everything in the log up to now is in the table.
    pub fn confirm(&self) {
        self.looked.fetch_max(boot_millis(), Ordering::AcqRel);
        self.hub.confirm();
    }

    /// Applies changes: to the table, to the readers of the stream, to cached reads, and last to
    /// those who wait for them.
    pub fn apply(
        &self,
        changes: &[(i64, String)],
        events: Vec<(i64, TrustEvent)>,
        now: DateTime<Utc>,
    ) -> Result<(), serde_json::Error> {
        let Some(last) = changes.last().map(|(number, _)| *number) else {
            return Ok(());
        };
        let mut frames = Vec::with_capacity(events.len());
        for (number, event) in &events {
            let (name, data) = event_name(event)?;
            frames.push(self.hub.frame(&name, *number, &data)?);
        }
        let mut table = TrustTable::clone(&self.table.load());
        for (_, event) in events {
            table.apply(event, now);
        }
        {
            let mut sent = self.lock();
            self.table.store(Arc::new(table));
            sent.number = last;
            sent.snapshot = None;
            sent.recent.extend(frames.iter().cloned());
            while sent.recent.len() > KEPT {
                if let Some(gone) = sent.recent.pop_front() {
                    sent.floor = gone.number();
                }
            }
        }
        self.hub.publish(&frames);
        let numbered = changes
            .iter()
            .map(|(number, subject)| (*number, &**subject));
        self.changes.apply(numbered);
        self.applied.send_replace(last);
        Ok(())
    }

    /// Begins anew at a place of the log, after changes were missed.
    pub fn replace(&self, table: TrustTable, number: i64) {
        {
            let mut sent = self.lock();
            self.table.store(Arc::new(table));
            *sent = Sent {
                number,
                floor: number,
                recent: VecDeque::new(),
                snapshot: None,
            };
        }
        self.hub.disconnect_all();
        self.changes.restart(number);
        self.applied.send_replace(number);
    }

    /// Returns when the change is applied here, after two seconds at most: it is committed anyway,
    /// and others learn of it the same way.
    pub async fn until_applied(&self, number: i64) {
        let mut applied = self.applied.subscribe();
        let waited = tokio::time::timeout(OWN_CHANGE, applied.wait_for(|seen| *seen >= number));
        if waited.await.is_err() {
            tracing::warn!(number, "a committed change was not followed within 2 s");
        }
    }

    /// The answer to a reader of the stream: what it missed, or a snapshot, and then every change.
    pub async fn stream(&self, seen: Option<EventId>) -> Result<Response, Refusal> {
        let seen = seen.filter(|seen| seen.epoch == self.hub.epoch());
        if let Some(seen) = seen {
            // It may come from a replica that is ahead of this one; never send it backwards: it would
            // take tokens again that it knows to be revoked. Only what the database itself says
            // counts, should that have lost its newest changes.
            self.until_applied(seen.number).await;
            let is_behind = self.position().number < seen.number;
            if is_behind && self.since_looked() >= STREAMS_SILENT_AFTER {
                return Err(Problem::unavailable(
                    "database_unavailable",
                    1,
                    "this replica does not see the database and knows less than you; ask another",
                )
                .into());
            }
        }
        let subscription = self.hub.subscribe();
        let (first, after) = {
            let mut sent = self.lock();
            let first = match seen {
                Some(seen) if (sent.floor..=sent.number).contains(&seen.number) => sent
                    .recent
                    .iter()
                    .filter(|frame| frame.number() > seen.number)
                    .cloned()
                    .collect(),
                _ => vec![self.snapshot(&mut sent)?],
            };
            (first, sent.number)
        };
        Ok(subscription.respond(first, after))
    }

    fn snapshot(&self, sent: &mut Sent) -> Result<Frame, serde_json::Error> {
        if let Some(frame) = &sent.snapshot {
            return Ok(frame.clone());
        }
        let snapshot = TrustTable::snapshot_event(self.table.load().snapshot());
        let (name, data) = event_name(&snapshot)?;
        let frame = self.hub.frame(&name, sent.number, &data)?;
        sent.snapshot = Some(frame.clone());
        Ok(frame)
    }

    fn lock(&self) -> MutexGuard<'_, Sent> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
