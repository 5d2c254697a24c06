//! Putting the registry together.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use saas_config::{ConfigError, Environment, Settings};
use saas_registry_client::wire::GatewayHints;
use saas_registry_client::{Follower as TrustFollower, FollowerSettings};
use saas_security::{
    InternalRole, InternalSigner, InternalVerifier, RegistrationTokens, RootSecret,
};
use saas_storage::Database;
use saas_telemetry::{Metrics, Tracer};
use saas_web::{Access, DocsFiles, Health, StackSettings, stack};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use utoipa::openapi::OpenApi;

use crate::api;
use crate::app::{App, Parts};
use crate::caller::{Authenticator, Keys};
use crate::catalog::{Catalog, Follower};
use crate::checks::Checks;
use crate::gauges;
use crate::leader::Leader;
use crate::outage::Outage;
use crate::renewals::Renewals;

/// How long a start waits for the database; without it, the registry answers 503 until it is there.
const FIRST_LOAD: Duration = Duration::from_secs(5);

/// What the registry needs.
pub struct RegistryDeps {
    /// The settings of this process.
    pub settings: Arc<Settings>,
    /// The migrated database. Its clock and randomness are the registry's.
    pub database: Database,
    /// Where the registry counts.
    pub metrics: Metrics,
    /// Takes the spans of requests.
    pub tracer: Tracer,
    /// The files of the documentation page, if there are any.
    pub docs: Option<DocsFiles>,
    /// Ends streams and background tasks. Requests under way are finished by whoever serves.
    pub shutdown: CancellationToken,
}

/// A running registry.
pub struct RegistryService {
    /// Everything it answers, middleware included: to be served.
    pub router: Router,
    /// The description of its interface.
    pub openapi: OpenApi,
    /// What runs in the background. Wait for it after the last request was served.
    pub tasks: TaskTracker,
}

/// Why the registry cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is missing or wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// What the registry declares when it is registered itself: the paths that need no token.
pub fn gateway_hints() -> GatewayHints {
    let paths = ["/openapi.json", "/docs", "/docs/*"];
    GatewayHints {
        public_paths: paths.map(str::to_owned).to_vec(),
    }
}

/// Starts the background tasks on the current runtime and builds the router. Waits up to five
/// seconds for the database; if it is away, the registry starts all the same and says 503.
///
/// # Errors
/// When `SECRET_KEY` is missing.
pub async fn start(deps: RegistryDeps) -> Result<RegistryService, StartError> {
    let RegistryDeps {
        settings,
        database,
        metrics,
        tracer,
        docs,
        shutdown,
    } = deps;
    let seen = metrics.database().clone();
    let database = database.observed(move |began| match began {
        Ok(waited) => seen.wait.observe(waited),
        Err(()) => drop(seen.unavailable.inc()),
    });
    let clock = database.clock().clone();
    let catalog = Catalog::new(shutdown.clone());
    let outage = Outage::new(clock.clone(), metrics.clone());
    let renewals = Renewals::new(outage.clone());
    let tasks = TaskTracker::new();
    let follower = Follower::new(
        catalog.clone(),
        database.clone(),
        metrics.clone(),
        outage.clone(),
    );
    tasks.spawn(follower.run());
    tasks.spawn(
        renewals
            .clone()
            .run(database.clone(), metrics.clone(), shutdown.clone()),
    );
    catalog.loaded(FIRST_LOAD).await;
    let leader = Leader {
        catalog: catalog.clone(),
        database: database.clone(),
        checks: Checks::new(
            database.clone(),
            catalog.clone(),
            settings.upstream_networks.clone(),
            metrics.clone(),
        ),
        outage,
        metrics: metrics.clone(),
        shutdown: shutdown.clone(),
    };
    tasks.spawn(leader.run());
    tasks.spawn(gauges::run(
        database.clone(),
        catalog.clone(),
        metrics.clone(),
        shutdown.clone(),
    ));
    let app = App::new(Parts {
        authenticator: authenticator(&settings, &database, &catalog, &shutdown)?,
        database: database.clone(),
        catalog: catalog.clone(),
        renewals,
        upstream_networks: settings.upstream_networks.clone(),
        trusted_proxies: settings.trusted_proxies.clone(),
    });
    let (routes, openapi) = api::router().split_for_parts();
    let routes = routes
        .with_state(app)
        .merge(saas_web::docs(openapi, docs))
        .merge(health(&settings, &database, &catalog, &metrics, &shutdown));
    let mut around = StackSettings::new(clock, database.random().clone(), metrics);
    around.tracer = tracer;
    around.quiet.extend([
        "/v1/services/{service}/instances/{id}/heartbeat",
        "/internal/v1/gateways/{id}/report",
    ]);
    tasks.close();
    Ok(RegistryService {
        router: stack(routes, around),
        openapi: api::description(),
        tasks,
    })
}

/// People's tokens are verified with what core's trust stream tells; core is found in the registry's
/// own catalogue.
fn authenticator(
    settings: &Settings,
    database: &Database,
    catalog: &Catalog,
    shutdown: &CancellationToken,
) -> Result<Authenticator, StartError> {
    let previous = settings.secret_key_previous.as_ref();
    let root = RootSecret::new(
        settings.secret_key()?.as_bytes(),
        previous.map(saas_config::Secret::as_bytes),
    );
    let signer = InternalSigner::new(&root, InternalRole::Registry);
    let clock = database.clock().clone();
    let catalog = catalog.clone();
    let trust = TrustFollower::start(FollowerSettings {
        urls: Arc::new(move || core_streams(&catalog)),
        token: {
            let clock = clock.clone();
            Arc::new(move || signer.token(clock.now()).ok())
        },
        copy: None,
        clock: clock.clone(),
        random: database.random().clone(),
        shutdown: shutdown.clone(),
    });
    Ok(Authenticator::new(Keys {
        environment: settings.environment,
        clock,
        internal: InternalVerifier::new(&root),
        registration: RegistrationTokens::new(&root),
        trust,
        metrics_token: settings.metrics_token.clone(),
    }))
}

/// Where core's trust stream is at this moment.
fn core_streams(catalog: &Catalog) -> Vec<String> {
    let Some(current) = catalog.current() else {
        return Vec::new();
    };
    let bases = current.table.base_urls("core");
    bases
        .into_iter()
        .map(|base| format!("{base}/internal/v1/stream"))
        .collect()
}

fn health(
    settings: &Settings,
    database: &Database,
    catalog: &Catalog,
    metrics: &Metrics,
    shutdown: &CancellationToken,
) -> Router {
    let token = settings.metrics_token.as_ref();
    let is_production = settings.environment == Environment::Production;
    let access = Access::new(token.map(saas_config::Secret::expose), is_production);
    let database = database.clone();
    let catalog = catalog.clone();
    Health::new(metrics.clone(), access, shutdown.clone())
        .check("database", move || {
            let database = database.clone();
            async move { database.ready().await.map_err(|error| error.chain()) }
        })
        .check("catalogue", move || {
            let is_loaded = catalog.current().is_some();
            async move {
                if is_loaded {
                    Ok(())
                } else {
                    Err("the database has not been read yet".to_owned())
                }
            }
        })
        .router()
}
