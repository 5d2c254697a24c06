//! Ends leases, and forgets what nobody needs any more.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use saas_storage::registry::{gateways, instances, services};
use saas_storage::{ChangeStream, Database, StorageError};
use saas_telemetry::Metrics;

use crate::app;
use crate::catalog::{Catalog, Subject};
use crate::outage::Outage;

/// A difference this large between the clock that measures leases and our own means that it jumped.
const JUMP: chrono::Duration = chrono::Duration::seconds(2);
/// How long one round may take.
const ROUND: Duration = Duration::from_secs(4);
/// How often old things are looked for, in rounds of a second.
const HOUSEKEEPING: u32 = 60;
/// Changes older than this are forgotten; whoever was away longer gets a snapshot.
const CHANGES_KEPT: chrono::Duration = chrono::Duration::hours(1);
/// Gateways lost longer ago than this are forgotten.
const GATEWAYS_KEPT: Duration = Duration::from_hours(1);
/// Services without instance or route are forgotten after this long.
const SERVICES_KEPT: Duration = Duration::from_hours(24);

/// One leader's rounds.
pub(super) struct Sweep {
    database: Database,
    catalog: Catalog,
    outage: Outage,
    metrics: Metrics,
    /// What the two clocks said in the last round: the one that measures leases, and our own.
    clocks: Option<(DateTime<Utc>, DateTime<Utc>)>,
    rounds: u32,
}

impl Sweep {
    pub(super) fn new(
        database: Database,
        catalog: Catalog,
        outage: Outage,
        metrics: Metrics,
    ) -> Self {
        Self {
            database,
            catalog,
            outage,
            metrics,
            clocks: None,
            rounds: 0,
        }
    }

    /// Another replica leads: what this one knew of the clocks grows old.
    pub(super) fn rest(&mut self) {
        self.clocks = None;
    }

    /// One round. A database that is away is tried again in the next.
    pub(super) async fn round(&mut self) {
        let longest = self.longest_lease();
        let round = async {
            self.expire().await?;
            self.rounds += 1;
            if self.rounds % HOUSEKEEPING == 1 {
                self.keep_house().await?;
            }
            Ok::<(), StorageError>(())
        };
        let outcome = tokio::time::timeout(ROUND, round)
            .await
            .unwrap_or_else(|elapsed| Err(StorageError::Unavailable(elapsed.into())));
        if let Err(error) = outcome {
            tracing::warn!(error = error.chain(), "leases could not be looked through");
            self.outage.database_failed();
        }
        self.outage.show(longest);
    }

    async fn expire(&mut self) -> Result<(), StorageError> {
        let tx = self.database.system("registry.expire").await?;
        self.compare_clocks(tx.database_time().await?);
        if self.outage.is_away() {
            // Somebody else's question failed a moment ago: heartbeats may be waiting.
            return Ok(());
        }
        let since = self.outage.seconds_since_resumed();
        let names = instances::services_with_expired(&tx, since).await?;
        if names.is_empty() {
            return tx.commit().await;
        }
        services::touch(&tx, &names).await?;
        let expired = instances::expire(&tx, since).await?;
        for key in &expired {
            tracing::info!(service = %key.service, instance = %key.id, "lease expired");
        }
        let names: BTreeSet<_> = expired.iter().map(|key| &key.service).collect();
        let subjects: Vec<_> = names.into_iter().cloned().map(Subject::Service).collect();
        app::commit(&self.catalog, tx, &subjects).await?;
        let number = expired.len() as u64;
        self.metrics.registry().leases_expired.inc_by(number);
        Ok(())
    }

    /// Leases are measured by the database's clock. If it is set forward, none of them ended.
    fn compare_clocks(&mut self, database: DateTime<Utc>) {
        let own = self.database.clock().steady();
        if let Some((database_before, own_before)) = self.clocks {
            let difference = (database - database_before) - (own - own_before);
            if difference.abs() > JUMP {
                let seconds = difference.num_seconds();
                tracing::warn!(seconds, "the database's clock jumped; leases are spared");
                self.outage.interrupted();
            }
        }
        self.clocks = Some((database, own));
    }

    async fn keep_house(&self) -> Result<(), StorageError> {
        let log = self.database.changes(ChangeStream::Registry);
        log.prune(CHANGES_KEPT).await?;
        let tx = self.database.system("registry.forget").await?;
        gateways::forget(&tx, GATEWAYS_KEPT).await?;
        let forgotten = services::forget_idle(&tx, SERVICES_KEPT).await?;
        if forgotten.is_empty() {
            return tx.commit().await;
        }
        let subjects: Vec<_> = forgotten.into_iter().map(Subject::Service).collect();
        app::commit(&self.catalog, tx, &subjects).await?;
        Ok(())
    }

    fn longest_lease(&self) -> u32 {
        let Some(current) = self.catalog.current() else {
            return 0;
        };
        let instances = current.table.services().flat_map(|entry| &entry.instances);
        instances.map(|i| i.lease_seconds).max().unwrap_or(0)
    }
}
