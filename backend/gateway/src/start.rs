//! Starting and stopping the gateway.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::{Arc, atomic::AtomicU32},
    time::Instant,
};

use arc_swap::ArcSwap;
use saas_cache::SharedBuckets;
use saas_config::Settings;
use saas_domain::{Clock, Random};
use saas_registry_client::{
    Follower, FollowerSettings, LastGoodCopy, RoutingTable, Table, TokenSource, TrustTable, Urls,
};
use saas_security::{
    AssertionSigner, FileSeal, InternalRole, InternalSigner, KeyError, RootSecret,
};
use saas_telemetry::{Metrics, Sampler, Tracer};
use saas_tls::TlsError;
use saas_web::{Access, Health};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    acme::{self, Acme},
    console::ConsoleFiles,
    control::{Calls, Control, Leasing, Own, certificates},
    engine::{self, Doors, Thread},
    limiter::{Limiter, central::Central},
    redirect,
    settings::{Policy, Site, Times},
    shared::Shared,
    table::{FixedRules, GatewayTable},
    tls::Https,
    traffic::ServiceTraffic,
};

const ROUTING_STREAM: &str = "/v1/stream";
const TRUST_STREAM: &str = "/internal/v1/stream";

/// What the gateway needs.
pub struct GatewayDeps {
    /// The settings of the process.
    pub settings: Arc<Settings>,
    /// From which the internal token's, the assertions' and the copies' keys derive.
    pub root: RootSecret,
    /// One for each thread, all on one address: see [`saas_web::bind_shared`].
    pub listeners: Vec<TcpListener>,
    /// Base URL under which the platform's own network reaches it.
    pub address: String,
    /// Everything for https, if that is to be served.
    pub https: Option<Https>,
    /// Base URLs of the registry.
    pub registry_urls: Vec<String>,
    /// Where people and programs reach the gateway.
    pub public_url: String,
    /// Where people reach the console: the one origin whose pages may send cookies.
    pub console_url: String,
    /// Where gateways count each limit together; without it, each has a share of it.
    pub buckets: Option<SharedBuckets>,
    /// The console's files, if the gateway is to serve them.
    pub console: Option<ConsoleFiles>,
    /// Figures.
    pub metrics: Metrics,
    /// Takes the spans of requests.
    pub tracer: Tracer,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
}

/// Why the gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is nothing to listen on.
    #[error("the gateway was given no listener")]
    NoListener,
    /// The listener is unusable, or a thread cannot be started.
    #[error("a thread of the gateway cannot be started")]
    Thread(#[source] io::Error),
    /// The authorities to believe cannot be read.
    #[error(transparent)]
    Authorities(#[from] TlsError),
    /// The assertions' key cannot be derived.
    #[error("the key of assertions cannot be derived from SECRET_KEY")]
    Key(#[from] KeyError),
}

/// A running gateway. Dropping it stops the gateway without waiting.
pub struct GatewayHandle {
    address: SocketAddr,
    threads: Vec<Thread>,
    stopping: CancellationToken,
    end: CancellationToken,
    control: JoinHandle<()>,
    routing: Follower<RoutingTable>,
    shared: Arc<Shared>,
    console_url: String,
}

impl GatewayHandle {
    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Reads certificates and keys again, without dropping a connection: those that stand go on, new
    /// ones see what was read. Does nothing where no https is served. The same happens by itself
    /// within a minute after the files have changed.
    ///
    /// # Errors
    /// What is wrong with the files, as one sentence that was logged too. What was shown before is
    /// shown further.
    pub fn reload_tls(&self) -> Result<(), TlsError> {
        certificates::reload(&self.shared)
    }

    /// Whether it knows routes and keys, from their streams or from the last good copy.
    pub fn is_ready(&self) -> bool {
        self.routing.is_ready() && self.shared.trust.is_ready()
    }

    /// From here on these settings count: origins, limits, the largest upload. What cannot change
    /// while the gateway runs stays as it was.
    pub fn reload(&self, settings: &Settings) {
        let policy = &self.shared.policy;
        policy.store(Arc::new(
            policy.load().reloaded(settings, &self.console_url),
        ));
    }

    /// Stops it: readiness goes off, connections that wait to be accepted are served, requests under
    /// way are finished within the grace time, the last figures are told. Returns how many
    /// connections had to be cut off.
    pub async fn stop(mut self) -> usize {
        self.stopping.cancel();
        let threads = std::mem::take(&mut self.threads);
        let joined = tokio::task::spawn_blocking(|| threads.into_iter().map(Thread::join).sum());
        let cut_off: usize = joined.await.unwrap_or(0);
        if cut_off > 0 {
            tracing::warn!(
                connections = cut_off,
                "the grace time is over; connections are cut off"
            );
        }
        self.end.cancel();
        // A panic in it was told already.
        let _ = (&mut self.control).await;
        cut_off
    }
}

impl Drop for GatewayHandle {
    fn drop(&mut self) {
        self.stopping.cancel();
        self.end.cancel();
    }
}

/// Starts the gateway: its threads, and its control plane on the current runtime. It answers at
/// once; until it has heard from registry and core, or found their last good copies, it is not
/// ready.
pub fn start(deps: GatewayDeps) -> Result<GatewayHandle, StartError> {
    let first = deps.listeners.first().ok_or(StartError::NoListener)?;
    let address = first.local_addr().map_err(StartError::Thread)?;
    let stopping = CancellationToken::new();
    let end = CancellationToken::new();
    let followers = Followers::new(&deps, &end);
    let routing = followers.follow::<RoutingTable>(registry_streams(&deps.registry_urls));
    let trust = followers.follow::<TrustTable>(core_streams(&routing));
    let (limiter, leasing) = limits(&deps);
    let acme = acme(&deps)?;
    let shared = Arc::new(shared(
        &deps,
        limiter,
        acme.as_ref(),
        &routing,
        trust,
        &stopping,
    )?);
    let calls = Calls::new(
        InternalSigner::new(&deps.root, InternalRole::Gateway),
        deps.clock.clone(),
        deps.registry_urls,
    );
    let incarnation = incarnation(&deps.clock, &deps.random);
    let control = Control::new(
        Arc::clone(&shared),
        routing.clone(),
        calls,
        Own {
            incarnation,
            address: deps.address,
        },
        end.clone(),
    );
    let control = control.start(leasing);
    let mut handle = GatewayHandle {
        address,
        threads: Vec::new(),
        stopping,
        end,
        control,
        routing,
        shared: Arc::clone(&shared),
        console_url: deps.console_url,
    };
    if let Some(acme) = acme {
        tokio::spawn(acme::keep(acme, Arc::clone(&shared), handle.end.clone()));
    }
    let mut https = Vec::new();
    if let Some(served) = deps.https {
        https = served.listeners;
        if let Some(listener) = served.redirect {
            redirect::start(listener, &deps.settings, &handle.stopping)
                .map_err(StartError::Thread)?;
        }
    }
    let mut https = https.into_iter();
    for (number, plain) in deps.listeners.into_iter().enumerate() {
        let doors = Doors {
            plain,
            https: https.next(),
        };
        let thread = engine::spawn(Arc::clone(&shared), doors, number);
        handle.threads.push(thread.map_err(StartError::Thread)?);
    }
    Ok(handle)
}

/// The limiter, and what is needed to fill its buckets if they are in Redis.
fn limits(deps: &GatewayDeps) -> (Limiter, Option<Leasing>) {
    let Some(buckets) = deps.buckets.clone() else {
        return (Limiter::default(), None);
    };
    let (central, questions) = Central::new(buckets.answer_within());
    let leasing = Leasing {
        buckets,
        questions,
        space: deps.root.mark("limits"),
    };
    (Limiter::new(Some(central)), Some(leasing))
}

/// What obtains certificates, if the settings ask for it.
fn acme(deps: &GatewayDeps) -> Result<Option<Arc<Acme>>, TlsError> {
    let (Some(settings), Some(https)) = (&deps.settings.tls.acme, &deps.https) else {
        return Ok(None);
    };
    let authorities = saas_tls::client_config(deps.settings.tls.ca_file.as_deref())?;
    let acme = Acme::new(
        settings.clone(),
        &deps.settings.data_dir,
        Arc::clone(&https.tls),
        &authorities,
    );
    Ok(Some(Arc::new(acme)))
}

fn shared(
    deps: &GatewayDeps,
    limiter: Limiter,
    acme: Option<&Arc<Acme>>,
    routing: &Follower<RoutingTable>,
    trust: Follower<TrustTable>,
    stopping: &CancellationToken,
) -> Result<Shared, KeyError> {
    let metrics = deps.metrics.clone();
    let traces = &deps.settings.traces;
    let fixed = Arc::new(FixedRules::default());
    let site = Site {
        public_url: &deps.public_url,
        console_url: &deps.console_url,
        serves_console: deps.console.is_some(),
        mark: &deps.root.mark("loops"),
    };
    let policy = Policy::new(&deps.settings, site, &metrics);
    let table = GatewayTable::empty(Arc::clone(&fixed));
    Ok(Shared {
        policy: ArcSwap::from_pointee(policy),
        times: Times::new(deps.settings.shutdown_grace),
        table: ArcSwap::from_pointee(table),
        table_versions: watch::Sender::new(0),
        fixed,
        own: health(deps, acme, routing, &trust, stopping).router(),
        trust,
        limiter,
        metrics,
        tracer: deps.tracer.clone(),
        sampler: Sampler::new(traces.ratio, traces.follows_parent),
        no_service: ServiceTraffic::default(),
        signer: AssertionSigner::new(&deps.root)?,
        presence: InternalSigner::new(&deps.root, InternalRole::Gateway),
        console: deps.console.clone(),
        tls: deps.https.as_ref().map(|https| Arc::clone(&https.tls)),
        gateways: AtomicU32::new(0),
        clock: deps.clock.clone(),
        random: deps.random.clone(),
        stopping: stopping.clone(),
        started: Instant::now(),
        waiting: AtomicU32::new(0),
    })
}

/// Ready is who knows routes and keys, however old: the streams' being away is no reason to send
/// requests elsewhere, because elsewhere they are away as well. Redis' being away is none either:
/// limits are then less exact, and the log says so.
fn health(
    deps: &GatewayDeps,
    acme: Option<&Arc<Acme>>,
    routing: &Follower<RoutingTable>,
    trust: &Follower<TrustTable>,
    stopping: &CancellationToken,
) -> Health {
    let settings = &deps.settings;
    let token = settings
        .metrics_token
        .as_ref()
        .map(saas_config::Secret::expose);
    let access = Access::new(token, settings.environment.is_production());
    let (routing, trust) = (routing.clone(), trust.clone());
    let mut health = Health::new(deps.metrics.clone(), access, stopping.clone());
    if let Some(https) = &deps.https {
        // No reason to send nobody here: the certificate of another gateway is as old.
        let (tls, clock) = (Arc::clone(&https.tls), deps.clock.clone());
        health = health.note("certificates", move || {
            certificates::concerns(&tls, clock.now()).into_iter().next()
        });
    }
    if let Some(acme) = acme {
        let acme = Arc::clone(acme);
        health = health.note("acme", move || acme.concern());
    }
    health
        .check("routing", move || {
            let is_known = routing.is_ready();
            async move {
                is_known.then_some(()).ok_or_else(|| {
                    "no routes are known: the registry was not reached, and there is no last good copy"
                        .to_owned()
                })
            }
        })
        .check("trust", move || {
            let is_known = trust.is_ready();
            async move {
                is_known.then_some(()).ok_or_else(|| {
                    "no keys are known: core was not reached, and there is no last good copy"
                        .to_owned()
                })
            }
        })
}

/// What both followers have in common.
struct Followers<'a> {
    deps: &'a GatewayDeps,
    token: TokenSource,
    seal: FileSeal,
    end: &'a CancellationToken,
}

impl<'a> Followers<'a> {
    fn new(deps: &'a GatewayDeps, end: &'a CancellationToken) -> Self {
        let signer = InternalSigner::new(&deps.root, InternalRole::Gateway);
        let clock = deps.clock.clone();
        Self {
            deps,
            token: Arc::new(move || signer.token(clock.now()).ok()),
            seal: FileSeal::new(&deps.root),
            end,
        }
    }

    fn follow<T: Table>(&self, urls: Urls) -> Follower<T> {
        let file = format!("{}.last-good", T::NAME);
        let path = self.deps.settings.data_dir.join(file);
        let copy = LastGoodCopy::new(path, self.seal.clone());
        Follower::start(FollowerSettings {
            urls,
            token: Arc::clone(&self.token),
            copy: Some(copy.for_issuer(self.deps.settings.public_url.clone())),
            clock: self.deps.clock.clone(),
            random: self.deps.random.clone(),
            shutdown: self.end.clone(),
        })
    }
}

fn registry_streams(registry_urls: &[String]) -> Urls {
    let urls: Vec<String> = registry_urls
        .iter()
        .map(|base| format!("{}{ROUTING_STREAM}", base.trim_end_matches('/')))
        .collect();
    Arc::new(move || urls.clone())
}

/// Core is found through the registry.
fn core_streams(routing: &Follower<RoutingTable>) -> Urls {
    let routing = routing.clone();
    Arc::new(move || {
        let bases = routing.current().base_urls("core");
        bases
            .iter()
            .map(|base| format!("{base}{TRUST_STREAM}"))
            .collect()
    })
}

/// A UUIDv7 for the life of this process.
fn incarnation(clock: &Clock, random: &Random) -> Uuid {
    let millis = u64::try_from(clock.now().timestamp_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random.bytes()).into_uuid()
}
