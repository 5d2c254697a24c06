//! The hot state: every service, instance and route in memory, as of one change of the log.
//!
//! The database holds the truth. A follower re-reads what the change log names, swaps the table and
//! publishes the events, so that every replica shows the same a moment after a change was committed
//! anywhere.

mod follower;
mod recent;
mod subject;
mod table;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use saas_web::StreamHub;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use recent::Recent;

pub(crate) use follower::Follower;
pub(crate) use subject::Subject;
pub(crate) use table::{Entry, Table, authority, status};

/// How long a handler waits for its own change to show; a slower follower catches up by itself.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long streams go on beating after the database was last asked for changes: a replica that
/// is cut off falls silent, and its readers turn to another.
const SILENT_AFTER: Duration = Duration::from_secs(2);

/// The table and the events that led to it. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Catalog(Arc<Shared>);

struct Shared {
    current: ArcSwapOption<Current>,
    recent: Mutex<Recent>,
    applied: watch::Sender<i64>,
    shutdown: CancellationToken,
}

/// A table, and the hub of the epoch it belongs to.
#[derive(Clone)]
pub(crate) struct Current {
    pub(crate) table: Arc<Table>,
    pub(crate) hub: StreamHub,
}

impl Catalog {
    pub(crate) fn new(shutdown: CancellationToken) -> Self {
        Self(Arc::new(Shared {
            current: ArcSwapOption::empty(),
            recent: Mutex::default(),
            applied: watch::Sender::new(0),
            shutdown,
        }))
    }

    /// The table as it is now; `None` until the database was read once.
    pub(crate) fn current(&self) -> Option<Arc<Current>> {
        self.0.current.load_full()
    }

    /// Returns when change `number` shows in the table, and after two seconds at most.
    pub(crate) async fn applied(&self, number: i64) {
        let mut applied = self.0.applied.subscribe();
        let shown = applied.wait_for(|applied| *applied >= number);
        if tokio::time::timeout(PATIENCE, shown).await.is_err() {
            tracing::warn!(number, "a committed change does not show yet");
        }
    }

    /// Returns when the table was read for the first time, or the time is up.
    pub(crate) async fn loaded(&self, within: Duration) {
        let mut applied = self.0.applied.subscribe();
        let loaded = applied.wait_for(|_| self.0.current.load().is_some());
        if tokio::time::timeout(within, loaded).await.is_err() {
            tracing::warn!("the database has not answered yet; starting without it");
        }
    }

    /// A receiver that changes whenever the table does.
    pub(crate) fn versions(&self) -> watch::Receiver<i64> {
        self.0.applied.subscribe()
    }

    /// What changed after `number`, each thing once with its last change, oldest first; `None` if
    /// that is longer ago than is remembered.
    pub(crate) fn since(&self, number: i64) -> Option<Vec<(i64, Subject)>> {
        self.lock_recent().since(number)
    }

    fn lock_recent(&self) -> std::sync::MutexGuard<'_, Recent> {
        self.0.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
