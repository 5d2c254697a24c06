//! Keeps the table at the end of the change log.

use std::sync::Arc;
use std::time::{Duration, Instant};

use saas_domain::ServiceName;
use saas_registry_client::wire::InstanceStatus;
use saas_storage::registry::{instances, routes, services};
use saas_storage::{Change, ChangePosition, ChangeStream, Changes, Database, StorageError};
use saas_telemetry::{Kind, Metrics, ServiceKind};
use saas_web::StreamHub;

use super::{Catalog, Current, SILENT_AFTER, Subject, Table, recent, status};
use crate::outage::Outage;

/// Bursts are joined: the log is read at most once in this time.
const BURST: Duration = Duration::from_millis(20);
/// How many changes are taken in at once.
const BATCH: u64 = 2000;
/// How long a question to the database may take before it counts as away.
const ANSWER: Duration = Duration::from_secs(5);
/// The pause after the database did not answer.
const RETRY: Duration = Duration::from_millis(500);

/// Follows the log until the catalogue's shutdown.
pub(crate) struct Follower {
    catalog: Catalog,
    database: Database,
    metrics: Metrics,
    outage: Outage,
}

/// Why the table could not be brought up to date.
#[derive(Debug, thiserror::Error)]
enum FollowError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("the database did not answer within {ANSWER:?}")]
    TimedOut,
    #[error("an event could not be encoded")]
    Encode(#[from] serde_json::Error),
}

impl Follower {
    pub(crate) fn new(
        catalog: Catalog,
        database: Database,
        metrics: Metrics,
        outage: Outage,
    ) -> Self {
        Self {
            catalog,
            database,
            metrics,
            outage,
        }
    }

    pub(crate) async fn run(self) {
        let shutdown = self.catalog.0.shutdown.clone();
        let mut watch = self.database.watch_changes(ChangeStream::Registry);
        let mut reported = false;
        loop {
            let began = Instant::now();
            let pause = match self.step().await {
                Ok(()) => {
                    self.outage.database_answered();
                    reported = false;
                    BURST.saturating_sub(began.elapsed())
                }
                Err(error) => {
                    self.outage.database_failed();
                    if !reported {
                        let error: &dyn std::error::Error = &error;
                        tracing::warn!(error, "the change log cannot be read; trying again");
                        reported = true;
                    }
                    RETRY
                }
            };
            let next = async {
                tokio::time::sleep(pause).await;
                if !reported {
                    watch.woken().await;
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = next => {}
            }
        }
    }

    /// Reads what changed since the table, or everything if there is none yet.
    async fn step(&self) -> Result<(), FollowError> {
        let log = self.database.changes(ChangeStream::Registry);
        let step = async {
            loop {
                let Some(current) = self.catalog.current() else {
                    return self.load().await;
                };
                match log.since(current.table.position(), BATCH).await? {
                    Changes::Forgotten => return self.load().await,
                    Changes::Complete(changes) if changes.is_empty() => {
                        current.hub.confirm();
                        return Ok(());
                    }
                    Changes::Complete(changes) => self.apply(&current, changes).await?,
                }
            }
        };
        match tokio::time::timeout(ANSWER, step).await {
            Ok(outcome) => outcome,
            Err(_) => Err(FollowError::TimedOut),
        }
    }

    /// Reads everything. The position comes first: what changes meanwhile is then read twice.
    async fn load(&self) -> Result<(), FollowError> {
        let log = self.database.changes(ChangeStream::Registry);
        let position = log.latest().await?;
        let remembered = i64::try_from(recent::REMEMBERED).unwrap_or(i64::MAX);
        let after = (position.number - remembered).max(0);
        let start = ChangePosition {
            number: after,
            ..position
        };
        let behind = match log.since(start, recent::REMEMBERED as u64).await? {
            Changes::Complete(changes) => Some(changes),
            Changes::Forgotten => None,
        };
        let tx = self.database.system_read("registry.load").await?;
        let table = Table::new(
            position,
            services::all(&tx).await?,
            instances::all(&tx).await?,
            routes::all(&tx).await?,
        );
        drop(tx);
        {
            let mut recent = self.catalog.lock_recent();
            let known = |change: &Change| change.number <= position.number;
            match behind {
                Some(changes) => {
                    let changes = changes.into_iter().filter(known);
                    recent.restart(after, subjects(changes).collect());
                }
                None => recent.restart(position.number, Vec::new()),
            }
        }
        let before = self.catalog.current();
        let hub = match &before {
            Some(before) if before.hub.epoch() == position.epoch => before.hub.clone(),
            _ => StreamHub::confirmed_for(
                position.epoch,
                self.catalog.0.shutdown.clone(),
                SILENT_AFTER,
            ),
        };
        self.publish(table, hub, position.number);
        // Whoever reads on would miss what happened in between; they come back for it.
        if let Some(before) = before {
            before.hub.disconnect_all();
        }
        tracing::info!(
            epoch = position.epoch,
            number = position.number,
            "catalogue loaded"
        );
        Ok(())
    }

    async fn apply(&self, current: &Current, changes: Vec<Change>) -> Result<(), FollowError> {
        let number = changes.last().map_or(0, |change| change.number);
        let changes: Vec<_> = subjects(changes.into_iter()).collect();
        let latest = recent::last_of_each(changes.iter().cloned());
        let reread = self.reread(current.table.position(), &latest).await?;
        let table = current.table.after(number, &latest, reread);
        let mut frames = Vec::with_capacity(latest.len());
        for (number, subject) in &latest {
            frames.push(table.event(*number, subject)?);
        }
        self.catalog.lock_recent().extend(changes);
        self.publish(table, current.hub.clone(), number);
        current.hub.publish(&frames);
        Ok(())
    }

    async fn reread(
        &self,
        position: ChangePosition,
        changed: &[(i64, Subject)],
    ) -> Result<Table, FollowError> {
        let mut names = Vec::new();
        let mut ids = Vec::new();
        for (_, subject) in changed {
            match subject {
                Subject::Service(name) => names.push(name.clone()),
                Subject::Route(id) => ids.push(*id),
            }
        }
        let tx = self.database.system_read("registry.reread").await?;
        let mut table = Table::new(position, Vec::new(), Vec::new(), Vec::new());
        if !names.is_empty() {
            let services = services::named(&tx, &names).await?;
            let instances = instances::of_services(&tx, &names).await?;
            table = Table::new(position, services, instances, Vec::new());
        }
        if !ids.is_empty() {
            let routes = routes::identified(&tx, &ids).await?;
            table
                .routes
                .extend(routes.into_iter().map(|route| (route.id, Arc::new(route))));
        }
        Ok(table)
    }

    /// How many instances each service has. One that is switched off, or gone, misses none.
    fn show_services(&self, table: &Table) {
        let family = &self.metrics.registry().service_instances;
        let label = |name: &ServiceName, kind| ServiceKind {
            service: name.to_string(),
            kind,
        };
        let before = self.catalog.current();
        let before = before.iter().flat_map(|current| current.table.services());
        for entry in before {
            let name = &entry.service.name;
            let now = table.service(name.as_str());
            if !now.is_some_and(|now| now.service.is_active) {
                for (kind, _) in STATUSES {
                    family.remove(&label(name, kind));
                }
            }
        }
        for entry in table.services().filter(|entry| entry.service.is_active) {
            for (kind, wanted) in STATUSES {
                let number = entry.instances.iter().filter(|i| status(i) == wanted);
                let gauge = family.get_or_create_owned(&label(&entry.service.name, kind));
                gauge.set(count(number.count()));
            }
        }
    }

    /// Swaps the table in before anybody is told of it.
    fn publish(&self, table: Table, hub: StreamHub, number: i64) {
        let metrics = self.metrics.registry();
        let enabled = table.routes().filter(|route| route.is_enabled).count();
        metrics.services.set(count(table.services().count()));
        metrics.routes.set(count(enabled));
        metrics.change_number.set(number);
        for (kind, wanted) in STATUSES {
            let instances = table.services().flat_map(|entry| &entry.instances);
            let number = instances.filter(|i| status(i) == wanted).count();
            let gauge = metrics.instances.get_or_create(&Kind { kind });
            gauge.set(count(number));
        }
        self.show_services(&table);
        hub.confirm();
        let table = Arc::new(table);
        self.catalog
            .0
            .current
            .store(Some(Arc::new(Current { table, hub })));
        self.catalog.0.applied.send_replace(number);
    }
}

/// The words of an instance's status, for labels.
const STATUSES: [(&str, InstanceStatus); 3] = [
    ("up", InstanceStatus::Up),
    ("down", InstanceStatus::Down),
    ("draining", InstanceStatus::Draining),
];

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Changes of a kind that this version does not know are passed over: they concern nothing here.
fn subjects(changes: impl Iterator<Item = Change>) -> impl Iterator<Item = (i64, Subject)> {
    changes.filter_map(|change| match change.subject.parse() {
        Ok(subject) => Some((change.number, subject)),
        Err(error) => {
            tracing::debug!(number = change.number, %error, "passed over");
            None
        }
    })
}
