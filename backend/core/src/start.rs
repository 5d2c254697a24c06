//! Wiring core together.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use axum::Router;
use saas_cache::{Cache, ChangeCache, Changes};
use saas_config::{Settings, Signup};
use saas_domain::{Clock, Random};
use saas_registry_client::{Table as _, TrustTable, wire::TrustEvent};
use saas_security::{Envelope, InternalVerifier, RootSecret, SigningKey, WeakPassword};
use saas_storage::{ChangeStream, Database, StorageError};
use saas_telemetry::{Metrics, Tracer};
use saas_web::{Access, DocsFiles, EventId, Health, StackSettings};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use utoipa::openapi::OpenApi;

use crate::{
    FirstRun, first_run, gauges, housekeeping,
    identity::passwords::PasswordDesk,
    refusal::Refusal,
    router,
    state::{Core, Inner, Rules},
    trust::{self, Follower, Trust},
};

/// How long cached reads live.
const READS_LIVE: Duration = Duration::from_mins(5);

/// What core needs to run.
pub struct CoreDeps {
    /// The settings of the process.
    pub settings: Settings,
    /// The database, migrated.
    pub db: Database,
    /// Where hot reads are kept.
    pub cache: Cache,
    /// Tells the time.
    pub clock: Clock,
    /// Makes keys, tokens and identifiers.
    pub random: Random,
    /// The root secret.
    pub root: RootSecret,
    /// The metrics of core.
    pub metrics: Metrics,
    /// Takes the spans of requests.
    pub tracer: Tracer,
    /// Where the gateway is reached, the `iss` of tokens: `Settings::public_url`.
    pub public_url: String,
    /// Where the console is reached: `Settings::console_url`.
    pub console_url: String,
    /// The files of the page at `/docs`.
    pub docs: Option<DocsFiles>,
    /// Cancelled when the process stops. Core cancels it itself if the database was restored under
    /// it: only a fresh start knows the new history.
    pub shutdown: CancellationToken,
}

/// Core, running.
pub struct CoreService {
    /// Every route, in the middleware, with health, metrics and description: to be served.
    pub router: Router,
    /// The description of the API.
    pub openapi: OpenApi,
    /// The administrator that was made, if the platform had none.
    pub first_run: Option<FirstRun>,
    /// What goes on beside requests. It ends with the shutdown.
    pub tasks: JoinSet<()>,
}

/// Why core cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database does not answer, or lacks the schema.
    #[error("core cannot start: the database does not answer as it should; is it migrated?")]
    Storage(#[from] StorageError),
    /// The stored keys cannot be read, or made.
    #[error("core cannot start")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// `ADMIN_EMAIL` is not an address.
    #[error("ADMIN_EMAIL is not an e-mail address")]
    AdminEmail(#[source] Box<saas_domain::NameError>),
    /// `ADMIN_PASSWORD` is too weak.
    #[error("ADMIN_PASSWORD is too weak")]
    AdminPassword(#[source] WeakPassword),
}

impl From<Refusal> for StartError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Storage(error) => Self::Storage(error),
            Refusal::Internal(error) => Self::Internal(error),
            Refusal::Problem(problem) => Self::Internal(problem.code().to_owned().into()),
        }
    }
}

/// Starts core: makes signing key and administrator if there are none, reads what it must know, and
/// begins to follow changes. The caller serves the router.
///
/// # Errors
/// See [`StartError`].
pub async fn start(deps: CoreDeps) -> Result<CoreService, StartError> {
    let shutdown = deps.shutdown.clone();
    let metrics = deps.metrics.clone();
    let settings = deps.settings.clone();
    let (clock, random) = (deps.clock.clone(), deps.random.clone());
    let seen = metrics.database().clone();
    let deps = CoreDeps {
        db: deps.db.observed(move |began| match began {
            Ok(waited) => seen.wait.observe(waited),
            Err(()) => drop(seen.unavailable.inc()),
        }),
        ..deps
    };
    let (db, cache) = (deps.db.clone(), deps.cache.clone());
    let (docs, tracer) = (deps.docs, deps.tracer.clone());
    let core = build(deps).await?;
    let first_run = first_run::ensure_administrator(&core, &settings).await?;

    let mut tasks = JoinSet::new();
    let watch = core.db.watch_changes(ChangeStream::Trust);
    let follower = Follower::new(core.clone(), watch, shutdown.clone());
    tasks.spawn(follower.run());
    tasks.spawn(housekeeping::run(core.clone(), shutdown.clone()));
    tasks.spawn(gauges::run(
        core.clone(),
        cache.clone(),
        metrics.clone(),
        shutdown.clone(),
    ));

    let openapi = router::openapi();
    let health = health(&settings, &metrics, shutdown, db, cache, core.clone());
    let stacked = StackSettings {
        tracer,
        ..StackSettings::new(clock, random, metrics)
    };
    let router = router::routes(core)
        .merge(health.router())
        .merge(saas_web::docs(openapi.clone(), docs));
    Ok(CoreService {
        router: saas_web::stack(router, stacked),
        openapi,
        first_run,
        tasks,
    })
}

async fn build(deps: CoreDeps) -> Result<Core, StartError> {
    let installation = deps.db.installation().await?;
    let envelope = Envelope::new(&deps.root, installation.id);
    trust::ensure_signing_key(&deps.db, &envelope, &deps.clock, &deps.random).await?;
    trust::seal_anew(&deps.db, &envelope, &deps.random).await?;
    let rules = rules(&deps);
    // The position first: what changes while the tables are read is then seen twice, not never.
    let position = deps.db.changes(ChangeStream::Trust).latest().await?;
    let (table, key) = load(&deps, &rules, &envelope).await?;
    let changes = Arc::new(Changes::new(position.number, READS_LIVE));
    let prefix = format!("core:{}:{}", installation.id, position.epoch);
    let place = EventId {
        epoch: position.epoch,
        number: position.number,
    };
    let metrics = deps.metrics;
    let counts = metrics.cache().clone();
    let count = move |is_hit| {
        let counter = if is_hit { &counts.hits } else { &counts.misses };
        counter.inc();
    };
    Ok(Core::new(Inner {
        trust: Trust::new(table, place, changes.clone(), deps.shutdown.clone()),
        reads: ChangeCache::new(deps.cache, changes, &prefix, READS_LIVE).counted_by(count),
        signing_key: ArcSwap::from_pointee(key),
        passwords: PasswordDesk::new(deps.random.clone(), metrics.core().clone()),
        metrics: metrics.core().clone(),
        internal: InternalVerifier::new(&deps.root),
        rules,
        envelope,
        db: deps.db,
        clock: deps.clock,
        random: deps.random,
        root: deps.root,
    }))
}

async fn load(
    deps: &CoreDeps,
    rules: &Rules,
    envelope: &Envelope,
) -> Result<(TrustTable, SigningKey), StartError> {
    let now = deps.clock.now();
    let tx = deps.db.system_read("core.start").await?;
    let issuer = &rules.public_url;
    let snapshot = trust::snapshot(&tx, issuer, rules.access_lifetime, now).await?;
    let key = trust::signing_key(&tx, envelope, now).await?;
    let mut table = TrustTable::default();
    table.apply(TrustEvent::Snapshot(snapshot), now);
    Ok((table, key))
}

fn rules(deps: &CoreDeps) -> Rules {
    let settings = &deps.settings;
    Rules {
        production: settings.environment.is_production(),
        signup_open: settings.signup == Signup::Open,
        public_url: deps.public_url.clone(),
        console_url: deps.console_url.clone(),
        access_lifetime: settings.access_token_lifetime,
        refresh_lifetime: settings.refresh_token_lifetime,
        trusted_proxies: settings.trusted_proxies.clone(),
    }
}

fn health(
    settings: &Settings,
    metrics: &Metrics,
    shutdown: CancellationToken,
    db: Database,
    cache: Cache,
    core: Core,
) -> Health {
    let token = settings.metrics_token.as_ref();
    let token = token.map(saas_config::Secret::expose);
    let access = Access::new(token, settings.environment.is_production());
    Health::new(metrics.clone(), access, shutdown)
        .check("database", move || {
            let db = db.clone();
            async move { db.ready().await.map_err(|error| error.chain()) }
        })
        .check("trust", move || {
            let is_fresh = core.trust.is_fresh();
            async move {
                let stale = || "the change log was not read for 5 seconds".to_owned();
                is_fresh.then_some(()).ok_or_else(stale)
            }
        })
        .check("cache", move || {
            let cache = cache.clone();
            async move {
                // Without it core is slower, not wrong: it stays ready, and the log says so.
                if let Err(error) = cache.ping().await {
                    tracing::warn!(%error, "the cache does not answer");
                }
                Ok(())
            }
        })
}
