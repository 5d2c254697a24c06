//! The control plane: what keeps the tables current and tells registry and core what happened here.
//! It runs on the caller's runtime and never on a thread that serves requests.

mod busiest;
mod calls;
pub mod certificates;
mod figures;
mod leases;
mod reports;
mod resolver;
mod tables;
mod traffic;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use saas_registry_client::{Follower, RoutingTable, wire::EventId};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use calls::Calls;
pub use leases::Leasing;

use crate::{shared::Shared, table::StateBook};

/// What a gateway tells of itself.
pub struct Own {
    /// One for the life of this process.
    pub incarnation: Uuid,
    /// Base URL at which the platform's own network reaches it.
    pub address: String,
}

/// What the tasks of the control plane share.
pub struct Control {
    /// What the threads see.
    pub shared: Arc<Shared>,
    /// What the registry says.
    pub routing: Follower<RoutingTable>,
    /// How registry and core are called.
    pub calls: Calls,
    /// What this gateway tells of itself.
    own: Own,
    /// Ends the control plane, after the threads.
    pub end: CancellationToken,
    /// The newest routing event that the threads' table contains.
    applied: ArcSwap<Option<EventId>>,
    book: Mutex<StateBook>,
    /// What the threads' table leaves out, so that it is told once.
    refused: Mutex<resolver::Refused>,
}

impl Control {
    /// A control plane that has not begun.
    pub fn new(
        shared: Arc<Shared>,
        routing: Follower<RoutingTable>,
        calls: Calls,
        own: Own,
        end: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            shared,
            routing,
            calls,
            own,
            end,
            applied: ArcSwap::from_pointee(None),
            book: Mutex::default(),
            refused: Mutex::default(),
        })
    }

    /// Makes the first table from what is known already, so that a gateway with a last good copy
    /// can serve its first request, and starts the tasks. The last one ends when everything that is
    /// to be told at the end was told.
    pub fn start(self: &Arc<Self>, leasing: Option<Leasing>) -> JoinHandle<()> {
        tables::rebuild(self, &resolver::Resolver::default());
        tokio::spawn(tables::follow(Arc::clone(self)));
        tokio::spawn(figures::keep(Arc::clone(self)));
        tokio::spawn(certificates::keep(Arc::clone(self)));
        let reports = tokio::spawn(reports::send(Arc::clone(self)));
        let traffic = tokio::spawn(traffic::send(Arc::clone(self)));
        let control = Arc::clone(self);
        let leases = tokio::spawn(async move {
            if let Some(leasing) = leasing {
                leases::lend(control, leasing).await;
            }
        });
        tokio::spawn(async move {
            // A task that panicked has told so; the others' end is still waited for.
            let _ = tokio::join!(reports, traffic, leases);
        })
    }

    fn book(&self) -> MutexGuard<'_, StateBook> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
