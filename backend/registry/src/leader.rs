//! What one replica does for all: end leases, check health, forget what is old.

mod sweep;

use std::time::Duration;

use saas_domain::{AuditEventId, Clock, Random};
use saas_storage::{Database, DatabaseKind};
use saas_telemetry::Metrics;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::catalog::Catalog;
use crate::checks::Checks;
use crate::outage::Outage;
use sweep::Sweep;

/// The name of the lease that the leader holds.
const LEASE: &str = "registry";
/// For how long it holds it, and how often it renews it.
const PERIOD: Duration = Duration::from_secs(5);
const EVERY: Duration = Duration::from_secs(1);
/// How long a question to the database may take; well within the lease.
const ANSWER: Duration = Duration::from_secs(3);

/// Leads while it holds the lease.
pub(crate) struct Leader {
    pub(crate) catalog: Catalog,
    pub(crate) database: Database,
    pub(crate) outage: Outage,
    pub(crate) checks: Checks,
    pub(crate) metrics: Metrics,
    pub(crate) shutdown: CancellationToken,
}

impl Leader {
    pub(crate) async fn run(mut self) {
        let holder = holder(self.database.clock(), self.database.random());
        let mut tick = tokio::time::interval(EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sweep = Sweep::new(
            self.database.clone(),
            self.catalog.clone(),
            self.outage.clone(),
            self.metrics.clone(),
        );
        let mut versions = self.catalog.versions();
        let mut leads = false;
        loop {
            tokio::select! {
                () = self.shutdown.cancelled() => break,
                _ = tick.tick() => {}
                // A new instance is checked at once rather than with the next round.
                Ok(()) = versions.changed() => {
                    if leads {
                        self.checks.follow(&self.catalog);
                    }
                    continue;
                }
            }
            let before = leads;
            leads = self.asks_to_lead(holder).await;
            if leads != before {
                tracing::info!(leads, "leadership of the registry changed");
                self.metrics.registry().leader.set(i64::from(leads));
            }
            if leads {
                self.checks.follow(&self.catalog);
                sweep.round().await;
            } else {
                self.checks.stop();
                sweep.rest();
            }
        }
        self.checks.stop();
        if leads && self.database.kind() == DatabaseKind::Postgres {
            let resign = self.database.resign(LEASE, holder);
            // The lease runs out by itself if this fails.
            if !matches!(tokio::time::timeout(ANSWER, resign).await, Ok(Ok(()))) {
                tracing::debug!("the lease could not be given back");
            }
        }
    }

    /// One process has a SQLite file to itself and always leads. On PostgreSQL the lease decides;
    /// who cannot ask does not lead.
    async fn asks_to_lead(&self, holder: Uuid) -> bool {
        if self.database.kind() == DatabaseKind::Sqlite {
            return true;
        }
        let ask = self.database.try_lead(LEASE, holder, PERIOD);
        match tokio::time::timeout(ANSWER, ask).await {
            Ok(Ok(leads)) => leads,
            Ok(Err(error)) => {
                tracing::debug!(error = error.chain(), "cannot ask for the lease");
                false
            }
            Err(_) => false,
        }
    }
}

/// Names this process among the replicas.
fn holder(clock: &Clock, random: &Random) -> Uuid {
    AuditEventId::generate(clock, random).as_uuid()
}
