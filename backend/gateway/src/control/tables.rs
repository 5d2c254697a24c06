//! Keeps the threads' table current.

use std::{
    cell::RefCell,
    sync::{Arc, PoisonError},
    time::Duration,
};

use tokio::time::{MissedTickBehavior, interval};

use super::{
    Control,
    resolver::{Refused, Resolver, tell_new},
};
use crate::table::{TableInput, build};

/// How often names are looked up again.
const REFRESH: Duration = Duration::from_secs(10);

/// Makes a table whenever the registry says something new or a name is found at another address.
pub(super) async fn follow(control: Arc<Control>) {
    let mut resolver = Resolver::default();
    let mut versions = control.routing.versions();
    let mut refresh = interval(REFRESH);
    refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        versions.mark_unchanged();
        rebuild(&control, &resolver);
        resolver.look_up_new(&control.routing.current());
        loop {
            tokio::select! {
                () = control.end.cancelled() => return,
                changed = versions.changed() => match changed {
                    Ok(()) => break,
                    // The follower is gone: the process ends.
                    Err(_) => return,
                },
                is_other = resolver.next() => if is_other { break },
                _ = refresh.tick() => resolver.look_up_all(&control.routing.current()),
            }
        }
    }
}

/// Makes a table and gives it to the threads.
pub(super) fn rebuild(control: &Control, resolver: &Resolver) {
    let shared = &control.shared;
    // The number first: the table may hold more than it says, never less.
    let seen = control.routing.seen();
    let routing = control.routing.current();
    let policy = shared.policy.load();
    let networks = &policy.upstream_networks;
    let refused = RefCell::new(Refused::new());
    let input = TableInput {
        routing: &routing,
        resolve: &|address, port| {
            resolver.permitted(address, port, networks, &mut refused.borrow_mut())
        },
        now_ms: shared.life_ms(),
    };
    let table = build(&input, &mut control.book(), &shared.fixed);
    let refused = refused.into_inner();
    let mut told = control
        .refused
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    tell_new(&refused, &told);
    *told = refused;
    drop(told);
    let instances: usize = table
        .services()
        .map(|service| service.instances.len())
        .sum();
    shared.table.store(Arc::new(table));
    control.applied.store(Arc::new(seen));
    shared.table_versions.send_modify(|version| *version += 1);
    let metrics = shared.metrics.gateway();
    metrics
        .instances
        .set(i64::try_from(instances).unwrap_or(i64::MAX));
    metrics
        .table_version
        .set(seen.map_or(0, |seen| seen.number));
}
