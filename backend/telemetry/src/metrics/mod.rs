//! The registry of metric names: what each service counts, and how it is shown.

mod backups;
mod disk;
mod exposition;
mod families;
mod http;
mod latency;
mod names;
mod process;
mod stores;
mod traces;
mod vault;

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use prometheus_client::{metrics::info::Info, registry::Metric};

pub use backups::{BackupFigures, BackupMetrics};
pub use exposition::Exposition;
pub use families::{
    CertificateName, CoreMetrics, GatewayMetrics, Kind, RegistryMetrics, Service, ServiceKind,
    Tenant,
};
pub use http::{EndpointMetrics, HttpMetrics};
pub use latency::{Latency, SECONDS_BUCKETS};
pub use names::Described;
pub use stores::{CacheMetrics, DatabaseMetrics, DatabaseServerMetrics, Replica};
pub use traces::TraceMetrics;
pub use vault::VaultMetrics;

use names::Names;

/// The metrics of one service. Cloning shares them; under `saas up` each of the three services in
/// the process has its own, so that none answers for another.
///
/// The groups ([`Metrics::gateway`] and its neighbours) appear in the answer once they are first
/// asked for, so that a service shows only what it has.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    service: String,
    names: Mutex<Names>,
    http: HttpMetrics,
    database: OnceLock<DatabaseMetrics>,
    database_server: OnceLock<DatabaseServerMetrics>,
    cache: OnceLock<CacheMetrics>,
    registry_group: OnceLock<RegistryMetrics>,
    core: OnceLock<CoreMetrics>,
    gateway: OnceLock<GatewayMetrics>,
    traces: OnceLock<TraceMetrics>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Metrics").field(&self.0.service).finish()
    }
}

impl Metrics {
    /// The metrics of `service`, with build and process figures and the HTTP families.
    pub fn new(service: &str) -> Self {
        let mut names = Names::default();
        let build = vec![
            ("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            ("service".to_owned(), service.to_owned()),
        ];
        names.register(
            "saas_build",
            "Version and service of this build",
            Info::new(build),
        );
        names.described.extend(process::described());
        names
            .registry
            .register_collector(Box::new(process::Process));
        let http = HttpMetrics::default();
        names.described.extend(http::described());
        names.registry.register_collector(Box::new(http.clone()));
        Self(Arc::new(Inner {
            service: service.to_owned(),
            names: Mutex::new(names),
            http,
            database: OnceLock::new(),
            database_server: OnceLock::new(),
            cache: OnceLock::new(),
            registry_group: OnceLock::new(),
            core: OnceLock::new(),
            gateway: OnceLock::new(),
            traces: OnceLock::new(),
        }))
    }

    /// The service these metrics belong to.
    pub fn service(&self) -> &str {
        &self.0.service
    }

    /// Requests answered, by endpoint.
    pub fn http(&self) -> &HttpMetrics {
        &self.0.http
    }

    /// The database and its connection pool, as this service sees them.
    pub fn database(&self) -> &DatabaseMetrics {
        self.group(&self.0.database, DatabaseMetrics::register)
    }

    /// The database itself.
    pub fn database_server(&self) -> &DatabaseServerMetrics {
        self.group(&self.0.database_server, DatabaseServerMetrics::register)
    }

    /// Shows from now on how full the file system of this directory is. To be called once.
    pub fn watch_disk(&self, directory: impl Into<PathBuf>) {
        let mut names = self.lock();
        names.described.extend(disk::described());
        let disk = disk::Disk(directory.into());
        names.registry.register_collector(Box::new(disk));
    }

    /// What is registered so far, by name.
    pub fn described(&self) -> Vec<Described> {
        let mut described = self.lock().described.clone();
        described.sort();
        described
    }

    /// The cache.
    pub fn cache(&self) -> &CacheMetrics {
        self.group(&self.0.cache, CacheMetrics::register)
    }

    /// Services, instances, leases, checks and the change stream.
    pub fn registry(&self) -> &RegistryMetrics {
        self.group(&self.0.registry_group, RegistryMetrics::register)
    }

    /// Sign-ins, tokens and password hashing.
    pub fn core(&self) -> &CoreMetrics {
        self.group(&self.0.core, CoreMetrics::register)
    }

    /// The gateway's own decisions.
    pub fn gateway(&self) -> &GatewayMetrics {
        self.group(&self.0.gateway, GatewayMetrics::register)
    }

    /// What becomes of this service's spans.
    pub fn traces(&self) -> &TraceMetrics {
        self.group(&self.0.traces, TraceMetrics::register)
    }

    /// Adds a metric of the caller's own. A counter's name is given without `_total`.
    pub fn register(&self, name: &str, help: &str, metric: impl Metric) {
        self.lock().register(name, help, metric);
    }

    /// Everything as text, in the given format.
    pub fn encode(&self, format: Exposition) -> String {
        let mut text = String::with_capacity(16 * 1024);
        let names = self.lock();
        if prometheus_client::encoding::text::encode(&mut text, &names.registry).is_err() {
            // Writing to a `String` does not fail; a collector that did would be a defect.
            tracing::error!("a metric could not be written");
        }
        drop(names);
        format.present(text)
    }

    fn group<'a, T>(&self, cell: &'a OnceLock<T>, register: fn(&mut Names) -> T) -> &'a T {
        cell.get_or_init(|| register(&mut self.lock()))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Names> {
        self.0.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
