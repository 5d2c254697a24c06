//! What all threads of the process share.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};

use arc_swap::ArcSwap;
use saas_domain::{Clock, Random};
use saas_registry_client::{Follower, TrustTable};
use saas_security::{AssertionSigner, InternalSigner};
use saas_telemetry::{Metrics, Sampler, Tracer};
use saas_tls::ServingTls;
use saas_web::axum::Router;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    console::ConsoleFiles,
    limiter::Limiter,
    settings::{Policy, Times},
    table::{FixedRules, GatewayTable},
    traffic::ServiceTraffic,
};

/// Without a beat for this long, trust is stale.
const FRESH_MS: u64 = 1_000;
/// Requests that may wait for an instance at the same time. Past that, waiting would only move the
/// crowd.
const MOST_WAITING: u32 = 1_000;

/// Tables, limits and tools. Requests read it; only the control plane replaces the tables.
pub struct Shared {
    /// What was set, and may be set anew while the gateway runs.
    pub policy: ArcSwap<Policy>,
    /// How long things may take.
    pub times: Times,
    /// Services and routes.
    pub table: ArcSwap<GatewayTable>,
    /// Rises with every new table.
    pub table_versions: watch::Sender<u64>,
    /// The rules that exist without anybody defining them.
    pub fixed: Arc<FixedRules>,
    /// Whose tokens are believed.
    pub trust: Follower<TrustTable>,
    /// Rates.
    pub limiter: Limiter,
    /// Figures.
    pub metrics: Metrics,
    /// Takes the spans of recorded requests.
    pub tracer: Tracer,
    /// Decides which are.
    pub sampler: Sampler,
    /// Requests that reached no service.
    pub no_service: ServiceTraffic,
    /// Signs assertions for services.
    pub signer: AssertionSigner,
    /// Shows core and registry that a request comes from a gateway.
    pub presence: InternalSigner,
    /// The gateway's own end points.
    pub own: Router,
    /// The console's files.
    pub console: Option<ConsoleFiles>,
    /// What is shown to those who come by https, if that is served.
    pub tls: Option<Arc<ServingTls>>,
    /// How many gateways there are, as the registry said last; 0: it has not said.
    pub gateways: AtomicU32,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// Fired when the gateway is to stop.
    pub stopping: CancellationToken,
    /// When the gateway began.
    pub started: Instant,
    /// Requests that wait for an instance now.
    pub waiting: AtomicU32,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

impl Shared {
    /// Milliseconds of the gateway's life.
    pub fn life_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether core was heard from within the last second.
    pub fn trust_is_fresh(&self) -> bool {
        self.trust.silent_millis().is_some_and(|ms| ms <= FRESH_MS)
    }

    /// A place among those that wait; `None` when too many do.
    pub fn wait_place(&self) -> Option<WaitPlace<'_>> {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= MOST_WAITING {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(WaitPlace(self))
    }
}

/// Gives the place back.
#[derive(Debug)]
pub struct WaitPlace<'a>(&'a Shared);

impl Drop for WaitPlace<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
