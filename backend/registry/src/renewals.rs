//! Heartbeats are gathered and written in one statement a second; they never enter the change log.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use saas_storage::registry::{InstanceKey, instances};
use saas_storage::{Database, StorageError};
use saas_telemetry::Metrics;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::outage::Outage;

/// How often gathered heartbeats are written.
const EVERY: Duration = Duration::from_secs(1);
/// How long writing may take before the database counts as away.
const ANSWER: Duration = Duration::from_secs(4);
/// A gap this long between two rounds means that this process stood still.
const STANDSTILL: Duration = Duration::from_secs(4);

/// Heartbeats that came in and are not written yet. Cloning shares them.
#[derive(Clone)]
pub(crate) struct Renewals {
    pending: Arc<Mutex<BTreeSet<InstanceKey>>>,
    outage: Outage,
}

/// Whether a heartbeat counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// It will be written within a second.
    Yes,
    /// The database did not answer when last asked, so nobody may rely on it: another replica may
    /// do better.
    NotNow,
}

impl Renewals {
    pub(crate) fn new(outage: Outage) -> Self {
        Self {
            pending: Arc::default(),
            outage,
        }
    }

    /// Takes a heartbeat in. It is kept even when it does not count, to be written when the
    /// database is back.
    pub(crate) fn add(&self, key: InstanceKey) -> Accepted {
        self.lock().insert(key);
        if self.outage.is_away() {
            Accepted::NotNow
        } else {
            Accepted::Yes
        }
    }

    /// Writes every second until the shutdown, and once more then.
    pub(crate) async fn run(
        self,
        database: Database,
        metrics: Metrics,
        shutdown: CancellationToken,
    ) {
        let mut tick = tokio::time::interval(EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = Instant::now();
        loop {
            let is_stopping = tokio::select! {
                () = shutdown.cancelled() => true,
                _ = tick.tick() => false,
            };
            if last.elapsed() > STANDSTILL {
                self.outage.interrupted();
            }
            let keys: Vec<_> = std::mem::take(&mut *self.lock()).into_iter().collect();
            if !keys.is_empty() {
                match write(&database, &keys).await {
                    Ok(renewed) => {
                        self.outage.database_answered();
                        metrics.registry().heartbeats.inc_by(renewed);
                    }
                    Err(error) => {
                        tracing::warn!(error = error.chain(), "heartbeats could not be written");
                        self.outage.database_failed();
                        self.lock().extend(keys);
                    }
                }
            }
            if is_stopping {
                return;
            }
            last = Instant::now();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<InstanceKey>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns how many are still there.
async fn write(database: &Database, keys: &[InstanceKey]) -> Result<u64, StorageError> {
    let write = async {
        let tx = database.system("registry.renew").await?;
        let renewed = instances::renew(&tx, keys).await?;
        tx.commit().await?;
        Ok(renewed.len() as u64)
    };
    tokio::time::timeout(ANSWER, write)
        .await
        .unwrap_or_else(|elapsed| Err(StorageError::Unavailable(elapsed.into())))
}
