//! Follows the change log, so that every core knows what any of them changed.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use saas_registry_client::{Table as _, TrustTable, wire::TrustEvent};
use saas_storage::{ChangePosition, ChangeStream, ChangeWatch, Changes, SystemTx};
use saas_web::{EventId, Problem};
use tokio_util::sync::CancellationToken;

use super::{Subject, keys::newer_key, load, snapshot};
use crate::{refusal::Refusal, state::Core};

/// How many changes are read at once.
const BATCH: u64 = 500;
/// How often to look which key signs.
const READ_KEY_EVERY: Duration = Duration::from_secs(5);

/// Applies changes to [`super::Trust`] as they are committed, wherever that was.
pub(crate) struct Follower {
    core: Core,
    watch: ChangeWatch,
    shutdown: CancellationToken,
    failing: bool,
    key_read: Instant,
}

impl Follower {
    pub fn new(core: Core, watch: ChangeWatch, shutdown: CancellationToken) -> Self {
        Self {
            core,
            watch,
            shutdown,
            failing: false,
            key_read: Instant::now(),
        }
    }

    /// Follows until the process stops. A database that is away is tried again; meanwhile nothing
    /// is confirmed, and so the streams fall silent.
    pub async fn run(mut self) {
        loop {
            let followed = match self.catch_up().await {
                Ok(()) => self.read_key_now_and_then().await,
                failed => failed,
            };
            match followed {
                Ok(()) => self.note_recovery(),
                Err(refusal) => self.note_failure(refusal),
            }
            tokio::select! {
                () = self.shutdown.cancelled() => return,
                () = self.watch.woken() => {}
            }
        }
    }

    async fn catch_up(&self) -> Result<(), Refusal> {
        let log = self.core.db.changes(ChangeStream::Trust);
        loop {
            let EventId { epoch, number } = self.core.trust.position();
            let position = ChangePosition { epoch, number };
            match log.since(position, BATCH).await? {
                Changes::Forgotten => self.start_over(epoch).await?,
                Changes::Complete(changes) if changes.is_empty() => break,
                Changes::Complete(changes) => {
                    let changes = changes.into_iter();
                    let changes: Vec<_> = changes.map(|c| (c.number, c.subject)).collect();
                    self.apply(&changes).await?;
                }
            }
        }
        self.core.trust.confirm();
        Ok(())
    }

    /// A new key begins to sign by the time it has existed, without a change in the log.
    async fn read_key_now_and_then(&mut self) -> Result<(), Refusal> {
        if self.key_read.elapsed() < READ_KEY_EVERY {
            return Ok(());
        }
        let core = &self.core;
        let tx = core.db.system_read("trust.signing_key").await?;
        self.read_key(&tx, core.clock.now()).await?;
        self.key_read = Instant::now();
        Ok(())
    }

    async fn read_key(&self, tx: &SystemTx, now: DateTime<Utc>) -> Result<(), Refusal> {
        let core = &self.core;
        let known = core.signing_key.load().kid().to_owned();
        if let Some(key) = newer_key(tx, &core.envelope, &known, now).await? {
            core.signing_key.store(Arc::new(key));
        }
        Ok(())
    }

    async fn apply(&self, changes: &[(i64, String)]) -> Result<(), Refusal> {
        let mut subjects = BTreeMap::new();
        for (number, subject) in changes {
            if let Ok(subject) = subject.parse::<Subject>() {
                subjects.insert(subject, *number);
            }
        }
        let core = &self.core;
        let now = core.clock.now();
        let tx = core.db.system_read("trust.follow").await?;
        let lifetime = core.rules.access_lifetime;
        let events = load::events(&tx, &subjects, lifetime, now).await?;
        if subjects.contains_key(&Subject::Keys) {
            self.read_key(&tx, now).await?;
        }
        drop(tx);
        Ok(core.trust.apply(changes, events, now)?)
    }

    /// The log does not reach back to where this process stands.
    async fn start_over(&self, epoch: i64) -> Result<(), Refusal> {
        let core = &self.core;
        let position = core.db.changes(ChangeStream::Trust).latest().await?;
        if position.epoch != epoch {
            // Cached reads, numbers and sessions of the old history mean nothing in the new one.
            tracing::error!("the database was restored while this process ran: stopping");
            self.shutdown.cancel();
            // No defect: whoever asks now is to come again, when this process has started anew.
            return Err(Problem::unavailable(
                "database_unavailable",
                2,
                "the database has another history than at the start; this process stops",
            )
            .into());
        }
        let now = core.clock.now();
        let tx = core.db.system_read("trust.start_over").await?;
        let lifetime = core.rules.access_lifetime;
        let snapshot = snapshot(&tx, &core.rules.public_url, lifetime, now).await?;
        self.read_key(&tx, now).await?;
        let mut table = TrustTable::default();
        table.apply(TrustEvent::Snapshot(snapshot), now);
        core.trust.replace(table, position.number);
        Ok(())
    }

    fn note_failure(&mut self, refusal: Refusal) {
        if !self.failing {
            self.failing = true;
            Problem::from(refusal)
                .title("the change log cannot be followed")
                .log();
        }
    }

    fn note_recovery(&mut self) {
        if self.failing {
            self.failing = false;
            tracing::info!("the change log is followed again");
        }
    }
}
