//! Putting the parts together, in the order in which they need each other.

use std::{net::SocketAddr, sync::Arc};

use axum::Router;
use saas_cache::{Cache, SharedBuckets};
use saas_config::Settings;
use saas_core::CoreDeps;
use saas_domain::{Clock, Random, ServiceName};
use saas_gateway::{GatewayDeps, Https};
use saas_registry::RegistryDeps;
use saas_registry_client::{
    Agent, AgentSettings, TokenSource,
    wire::{GatewayHints, Registration},
};
use saas_security::{InternalRole, InternalSigner, RootSecret};
use saas_storage::{Database, DatabaseSettings};
use saas_telemetry::{BackupMetrics, Metrics, VaultMetrics};
use saas_tls::ServingTls;
use saas_web::{Served, serve};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{
    Form, Platform, advertise, backups, console_files, first_word,
    fit::{self, bad_redis_url},
    parts::{CorePart, GatewayPart, RegistryPart},
    run_file::{self, RunFile},
    traces::Tracing,
};
use crate::{DataDir, Failure, console};

/// Everything that the parts share.
pub(super) struct Site {
    pub(super) form: Form,
    pub(super) settings: Arc<Settings>,
    pub(super) clock: Clock,
    pub(super) random: Random,
    root: RootSecret,
    vault: Option<VaultMetrics>,
    pub(super) tracing: Tracing,
    backups: BackupMetrics,
    /// Where the registry is: this process's own, or what `REGISTRY_URL` says.
    registry_urls: Vec<String>,
}

/// Sockets first: a port that is taken is found before anything is changed, and addresses with port
/// 0 are known to everybody who has to tell them.
struct Sockets {
    registry: Option<TcpListener>,
    core: Option<TcpListener>,
    backup: Option<TcpListener>,
    gateway: Vec<std::net::TcpListener>,
    https: Option<Https>,
}

impl Sockets {
    fn bind(
        form: Form,
        settings: &Settings,
        tls: Option<Arc<ServingTls>>,
    ) -> Result<Self, Failure> {
        let at = |port| SocketAddr::new(settings.host, port);
        let one = |wanted: bool, port, setting: &'static str| {
            let bound = wanted.then(|| saas_web::bind(at(port))).transpose();
            bound.map_err(|error| Failure::correctable(format!("{error} ({setting})")))
        };
        Ok(Self {
            registry: one(form.has_registry(), settings.registry_port, "REGISTRY_PORT")?,
            core: one(form.has_core(), settings.core_port, "CORE_PORT")?,
            backup: one(form == Form::Backup, settings.backup_port, "BACKUP_PORT")?,
            gateway: if form.has_gateway() {
                saas_web::bind_shared(at(settings.gateway_port), settings.gateway_threads)
                    .map_err(|error| Failure::correctable(format!("{error} (GATEWAY_PORT)")))?
            } else {
                Vec::new()
            },
            https: tls.map(|tls| https(settings, tls)).transpose()?,
        })
    }

    fn run_file(&self) -> RunFile {
        let url = |address: Option<SocketAddr>| address.map(advertise::local_url);
        RunFile {
            gateway: url(self.gateway_address()),
            registry: url(self.registry.as_ref().and_then(|l| l.local_addr().ok())),
            core: url(self.core.as_ref().and_then(|l| l.local_addr().ok())),
            backup: url(self.backup.as_ref().and_then(|l| l.local_addr().ok())),
            pid: std::process::id(),
        }
    }

    fn gateway_address(&self) -> Option<SocketAddr> {
        self.gateway.first()?.local_addr().ok()
    }
}

fn https(settings: &Settings, tls: Arc<ServingTls>) -> Result<Https, Failure> {
    let bind = |port, count, setting: &str| {
        let address = SocketAddr::new(settings.host, port);
        saas_web::bind_shared(address, count)
            .map_err(|error| Failure::correctable(format!("{error} ({setting})")))
    };
    let redirect = match settings.tls.redirect_port {
        Some(port) => bind(port, 1, "HTTP_REDIRECT_PORT")?.pop(),
        None => None,
    };
    Ok(Https {
        tls,
        listeners: bind(
            settings.tls.https_port,
            settings.gateway_threads,
            "HTTPS_PORT",
        )?,
        redirect,
    })
}

pub(crate) async fn start(
    form: Form,
    settings: Settings,
    vault: Option<VaultMetrics>,
    clock: Clock,
    random: Random,
) -> Result<Platform, Failure> {
    settings.prepare_data_dir()?;
    let data_dir = DataDir::open(&settings.data_dir)?;
    for warning in settings.warnings() {
        tracing::warn!("{warning}");
    }
    let tls = if form.has_gateway() {
        saas_gateway::serving_tls(&settings)?
    } else {
        None
    };
    fit::look(&settings)?;
    let sockets = Sockets::bind(form, &settings, tls)?;
    let run = sockets.run_file();
    let gateway_address = sockets.gateway_address();
    let site = Site {
        form,
        registry_urls: match &run.registry {
            Some(own) => vec![own.clone()],
            None => settings.registry_urls.clone(),
        },
        root: root_secret(&settings)?,
        tracing: Tracing::start(&settings, &clock, &random)?,
        settings: Arc::new(settings),
        clock,
        random,
        vault,
        backups: BackupMetrics::default(),
    };

    let database = if form.role().uses_database() {
        Some(open_database(&site).await?)
    } else {
        None
    };
    let (mut registry, mut core, mut gateway, mut backup) = (None, None, None, None);
    if let (Some(listener), Some(database)) = (sockets.registry, &database) {
        registry = Some(start_registry(&site, listener, database.clone()).await?);
    }
    if let (Some(listener), Some(database)) = (sockets.core, &database) {
        let database = database.clone();
        core = Some(start_core(&site, listener, database, gateway_address).await?);
    }
    if !sockets.gateway.is_empty() {
        gateway = Some(start_gateway(
            &site,
            sockets.gateway,
            sockets.https,
            gateway_address,
        )?);
    }
    if let Some(database) = database.filter(|_| form.has_backups() || form.has_core()) {
        let alone = sockets.backup.map(|at| (at, metrics(&site, "backup")));
        let shown = site.backups.clone();
        backup = Some(backups::start(&site, alone, database, shown)?);
    }
    first_word::wait(&run, form).await;
    run_file::write(&data_dir, &run)?;
    Ok(Platform {
        settings: site.settings,
        data_dir,
        registry,
        core,
        gateway,
        backup,
        run,
        tracing: site.tracing,
    })
}

fn root_secret(settings: &Settings) -> Result<RootSecret, Failure> {
    let previous = settings.secret_key_previous.as_ref();
    Ok(RootSecret::new(
        settings.secret_key()?.as_bytes(),
        previous.map(saas_config::Secret::as_bytes),
    ))
}

/// Migrates under the schema's lock, then opens the pools.
async fn open_database(site: &Site) -> Result<Database, Failure> {
    let url = site.settings.database_url.expose();
    for name in saas_migration::up(url).await? {
        tracing::info!(migration = name, "applied");
    }
    let settings = DatabaseSettings {
        url: url.to_owned(),
        min_connections: site.settings.database_min_connections,
        max_connections: site.settings.database_max_connections,
    };
    let (clock, random) = (site.clock.clone(), site.random.clone());
    Ok(Database::open(settings, clock, random).await?)
}

async fn start_registry(
    site: &Site,
    listener: TcpListener,
    database: Database,
) -> Result<RegistryPart, Failure> {
    let stopping = CancellationToken::new();
    let metrics = metrics(site, "registry");
    let service = saas_registry::start(RegistryDeps {
        settings: Arc::clone(&site.settings),
        database,
        tracer: site.tracing.tracer(&site.settings, &metrics),
        metrics,
        docs: Some(console::docs_file),
        shutdown: stopping.clone(),
    })
    .await
    .map_err(|error| Failure::correctable("the registry cannot start").because(error))?;
    let port = listener.local_addr()?.port();
    let server = serve_on(site, listener, service.router, &stopping);
    let hints = saas_registry::gateway_hints();
    let mut agent = register(site, "registry", InternalRole::Registry, port, hints)?;
    if site.form == Form::Up {
        agent.registered().await;
    }
    Ok(RegistryPart {
        server,
        agent,
        tasks: service.tasks,
        stopping,
    })
}

async fn start_core(
    site: &Site,
    listener: TcpListener,
    db: Database,
    gateway: Option<SocketAddr>,
) -> Result<CorePart, Failure> {
    let stopping = CancellationToken::new();
    let port = listener.local_addr()?.port();
    let cache = open_cache(&site.settings)?;
    tokio::spawn(greet(cache.clone()));
    let metrics = metrics(site, "core");
    metrics.show_backups(&site.backups);
    let service = saas_core::start(CoreDeps {
        settings: (*site.settings).clone(),
        db,
        cache,
        clock: site.clock.clone(),
        random: site.random.clone(),
        root: site.root.clone(),
        tracer: site.tracing.tracer(&site.settings, &metrics),
        metrics,
        public_url: site.settings.public_url(gateway),
        console_url: site.settings.console_url(gateway),
        docs: Some(console::docs_file),
        shutdown: stopping.clone(),
    })
    .await
    .map_err(|error| Failure::correctable("core cannot start").because(error))?;
    let server = serve_on(site, listener, service.router, &stopping);
    let mut agent = register(
        site,
        "core",
        InternalRole::Core,
        port,
        saas_core::gateway_hints(),
    )?;
    if site.form == Form::Up {
        // Alone, core serves before a registry is there; together, nothing is missing for long.
        agent.registered().await;
    }
    Ok(CorePart {
        server,
        tasks: service.tasks,
        agent,
        first_run: service.first_run,
        stopping,
    })
}

fn start_gateway(
    site: &Site,
    listeners: Vec<std::net::TcpListener>,
    https: Option<Https>,
    address: Option<SocketAddr>,
) -> Result<GatewayPart, Failure> {
    let console = (site.form == Form::Up && console::is_built()).then(console_files::files);
    let serves_console = console.is_some();
    let first = https.as_ref().and_then(|https| https.listeners.first());
    let https_url = first
        .and_then(|listener| listener.local_addr().ok())
        .map(|address| advertise::local_url(address).replacen("http:", "https:", 1));
    let metrics = metrics(site, "gateway");
    let handle = saas_gateway::start(GatewayDeps {
        settings: Arc::clone(&site.settings),
        root: site.root.clone(),
        address: advertise::gateway_url(&site.settings, address),
        listeners,
        https,
        registry_urls: site.registry_urls.clone(),
        public_url: site.settings.public_url(address),
        console_url: site.settings.console_url(address),
        buckets: open_buckets(&site.settings)?,
        console,
        tracer: site.tracing.tracer(&site.settings, &metrics),
        metrics,
        clock: site.clock.clone(),
        random: site.random.clone(),
    })
    .map_err(|error| Failure::correctable("the gateway cannot start").because(error))?;
    Ok(GatewayPart {
        handle,
        serves_console,
        https_url,
    })
}

fn metrics(site: &Site, service: &str) -> Metrics {
    let metrics = Metrics::new(service);
    metrics.watch_disk(&site.settings.data_dir);
    if let Some(vault) = &site.vault {
        metrics.show_vault(vault);
    }
    metrics
}

fn open_cache(settings: &Settings) -> Result<Cache, Failure> {
    match &settings.redis_url {
        None => Ok(Cache::memory()),
        Some(url) => {
            Cache::redis(url.expose(), settings.tls.ca_file.as_deref()).map_err(bad_redis_url)
        }
    }
}

/// The cache is asked for nothing until somebody signs in; that it is away should not wait so long.
async fn greet(cache: Cache) {
    if let Err(error) = cache.ping().await {
        let error: &dyn std::error::Error = &error;
        tracing::warn!(
            error,
            "check REDIS_URL (for rediss:// also TLS_CA_FILE) and that Redis runs; meanwhile nothing is cached"
        );
    }
}

fn open_buckets(settings: &Settings) -> Result<Option<SharedBuckets>, Failure> {
    let Some(url) = &settings.redis_url else {
        return Ok(None);
    };
    let authorities = settings.tls.ca_file.as_deref();
    let buckets = SharedBuckets::new(url.expose(), authorities, SharedBuckets::ANSWER_WITHIN);
    buckets.map(Some).map_err(bad_redis_url)
}

pub(super) fn serve_on(
    site: &Site,
    listener: TcpListener,
    router: Router,
    stopping: &CancellationToken,
) -> JoinHandle<Served> {
    let grace = site.settings.shutdown_grace;
    tokio::spawn(serve(listener, router, stopping.clone(), grace))
}

/// Registers one of our own services. In one process the identifier is fixed, so that a start after
/// a crash replaces the entry that the crash left behind.
fn register(
    site: &Site,
    service: &str,
    role: InternalRole,
    port: u16,
    hints: GatewayHints,
) -> Result<Agent, Failure> {
    let signer = InternalSigner::new(&site.root, role);
    let clock = site.clock.clone();
    let token: TokenSource = Arc::new(move || signer.token(clock.now()).ok());
    let id = (site.form == Form::Up).then(|| format!("{service}-1"));
    let wrong = |error| Failure::failed("a name of the platform's own is wrong").because(error);
    Ok(Agent::start(AgentSettings {
        registry_urls: site.registry_urls.clone(),
        service: service.parse::<ServiceName>().map_err(wrong)?,
        registration: Registration {
            id: id.map(|id| id.parse()).transpose().map_err(wrong)?,
            address: advertise::address(&site.settings),
            port,
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            lease_seconds: None,
            gateway: Some(hints),
        },
        token,
    }))
}
