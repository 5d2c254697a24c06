//! Health checks: the leader asks each instance that wants to be asked, at the instance's own
//! address and port.

mod model;
mod probe;
mod watch;

use std::collections::HashMap;
use std::sync::Arc;

use saas_config::Networks;
use saas_storage::Database;
use saas_storage::registry::{InstanceKey, InstanceRecord};
use saas_telemetry::Metrics;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::catalog::Catalog;

pub(crate) use model::{CheckKind, HealthCheck};
use watch::Watch;

/// How many checks run at the same time.
const AT_ONCE: usize = 64;

/// The running checks.
pub(crate) struct Checks {
    tools: Arc<Tools>,
    running: HashMap<InstanceKey, Running>,
}

/// What every check works with.
struct Tools {
    database: Database,
    catalog: Catalog,
    networks: Networks,
    metrics: Metrics,
    permits: Semaphore,
}

struct Running {
    /// Address, port and check: another value of any of them is another check.
    target: InstanceRecord,
    task: JoinHandle<()>,
}

impl Checks {
    pub(crate) fn new(
        database: Database,
        catalog: Catalog,
        networks: Networks,
        metrics: Metrics,
    ) -> Self {
        Self {
            tools: Arc::new(Tools {
                database,
                catalog,
                networks,
                metrics,
                permits: Semaphore::new(AT_ONCE),
            }),
            running: HashMap::new(),
        }
    }

    /// Begins the checks of new instances and ends those of instances that left.
    pub(crate) fn follow(&mut self, catalog: &Catalog) {
        let Some(current) = catalog.current() else {
            return;
        };
        let mut wanted: HashMap<&InstanceKey, &InstanceRecord> = current
            .table
            .services()
            .flat_map(|entry| &entry.instances)
            // Draining ones too: taken back into service, they go on with a verdict of today.
            .filter(|i| i.check.is_some())
            .map(|instance| (&instance.key, instance))
            .collect();
        self.running.retain(|key, running| {
            let is_same = |now: &&InstanceRecord| {
                let then = &running.target;
                (&now.address, now.port, &now.check) == (&then.address, then.port, &then.check)
            };
            let keep = wanted.get(key).is_some_and(is_same) && !running.task.is_finished();
            if keep {
                wanted.remove(key);
            } else {
                running.task.abort();
            }
            keep
        });
        for (key, instance) in wanted {
            if let Some(watch) = Watch::new(instance.clone(), Arc::clone(&self.tools)) {
                let running = Running {
                    target: instance.clone(),
                    task: tokio::spawn(watch.run()),
                };
                self.running.insert(key.clone(), running);
            }
        }
    }

    /// Ends every check: another replica leads, or this one stops.
    pub(crate) fn stop(&mut self) {
        for (_, running) in self.running.drain() {
            running.task.abort();
        }
    }
}

impl Drop for Checks {
    fn drop(&mut self) {
        self.stop();
    }
}
