//! The search for an instance that can be reached.

use std::{rc::Rc, sync::Arc, time::Instant};

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
    waiting_since: Option<Instant>,
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
            let times = &shared.policy.times;
            let was_up = service.record.was_up(now, times.moment_ms);
            let is_first = self.waiting_since.is_none();
            let since = *self.waiting_since.get_or_insert_with(Instant::now);
            if !was_up || since.elapsed() >= times.wait_for_instance {
                return Err(no_instance(service));
            }
            drop(table);
            let Some(_place) = shared.wait_place() else {
                return Err(no_instance(service));
            };
            if is_first {
                shared.metrics.gateway().waited_for_instance.inc();
            }
            Box::pin(worker.until_table_changes()).await;
            self.tried.clear();
        }
    }
}
