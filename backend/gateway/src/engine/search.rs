//! The search for an instance that can be reached.

use std::{rc::Rc, sync::Arc, time::Instant};

use tokio::sync::watch;

use super::{faults::no_instance, worker::Worker};
use crate::{
    balance::choose,
    phases::Refusal,
    table::{Instance, ServiceEntry},
};

/// The search for an instance: which ones were tried, and how long there is to wait.
#[derive(Default)]
pub struct Search {
    tried: Vec<u64>,
    /// Where the last attempt failed half-way: the last to be tried again.
    last_resort: Option<u64>,
    /// Since when there is nobody to send it to, and what tells of new tables from then on.
    waiting: Option<(Instant, watch::Receiver<u64>)>,
}

impl Search {
    /// This one cannot be reached.
    pub fn pass_over(&mut self, key: u64) {
        self.tried.push(key);
    }

    /// This one failed half-way.
    pub fn prefer_others(&mut self, key: u64) {
        self.last_resort = Some(key);
    }

    /// The next instance to try. When all were, and the service was up a moment ago, waits for one
    /// to come or to come back.
    pub async fn next(
        &mut self,
        worker: &Rc<Worker>,
        service: &ServiceEntry,
    ) -> Result<Arc<Instance>, Refusal> {
        loop {
            let shared = &worker.shared;
            let table = shared.table.load();
            // The table may be another one than at the beginning; a service that is gone from it
            // has no instances.
            let current = table.service(service.name.as_str());
            let instances = current.map_or(&[][..], |service| &service.instances);
            let now = shared.life_ms();
            let turn = worker.turn();
            let tried = self.tried.len();
            self.tried.extend(self.last_resort);
            let preferred = choose(instances, &self.tried, turn, now);
            self.tried.truncate(tried);
            if let Some(chosen) = preferred.or_else(|| choose(instances, &self.tried, turn, now)) {
                return Ok(Arc::clone(chosen));
            }
            let times = &shared.times;
            let was_up = service.record.was_up(now, times.moment_ms);
            if !was_up {
                return Err(no_instance(service));
            }
            let Some((since, versions)) = &mut self.waiting else {
                let versions = shared.table_versions.subscribe();
                self.waiting = Some((Instant::now(), versions));
                shared.metrics.gateway().waited_for_instance.inc();
                // Another table may have come between the look at this one and the subscription.
                continue;
            };
            if since.elapsed() >= times.wait_for_instance {
                return Err(no_instance(service));
            }
            drop(table);
            let Some(_place) = shared.wait_place() else {
                return Err(no_instance(service));
            };
            Box::pin(worker.until_table_changes(versions)).await;
            self.tried.clear();
        }
    }
}
