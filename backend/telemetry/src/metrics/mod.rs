//! The registry of metric names: what each service counts, and how it is shown.

mod exposition;
mod families;
mod http;
mod latency;
mod process;

use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use prometheus_client::{
    metrics::info::Info,
    registry::{Metric, Registry},
};

pub use exposition::Exposition;
pub use families::{
    CacheMetrics, CertificateName, CoreMetrics, GatewayMetrics, Kind, PoolMetrics, RegistryMetrics,
    Service,
};
pub use http::{EndpointMetrics, HttpMetrics};
pub use latency::{Latency, SECONDS_BUCKETS};

/// The metrics of one service. Cloning shares them; under `saas up` each of the three services in
/// the process has its own, so that none answers for another.
///
/// The groups ([`Metrics::gateway`] and its neighbours) appear in the answer once they are first
/// asked for, so that a service shows only what it has.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    service: String,
    registry: Mutex<Registry>,
    http: HttpMetrics,
    pool: OnceLock<PoolMetrics>,
    cache: OnceLock<CacheMetrics>,
    registry_group: OnceLock<RegistryMetrics>,
    core: OnceLock<CoreMetrics>,
    gateway: OnceLock<GatewayMetrics>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Metrics").field(&self.0.service).finish()
    }
}

impl Metrics {
    /// The metrics of `service`, with build and process figures and the HTTP families.
    pub fn new(service: &str) -> Self {
        let mut registry = Registry::default();
        let build = vec![
            ("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            ("service".to_owned(), service.to_owned()),
        ];
        registry.register(
            "saas_build",
            "Version and service of this build",
            Info::new(build),
        );
        registry.register_collector(Box::new(process::Process));
        let http = HttpMetrics::default();
        registry.register_collector(Box::new(http.clone()));
        Self(Arc::new(Inner {
            service: service.to_owned(),
            registry: Mutex::new(registry),
            http,
            pool: OnceLock::new(),
            cache: OnceLock::new(),
            registry_group: OnceLock::new(),
            core: OnceLock::new(),
            gateway: OnceLock::new(),
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

    /// The database's connection pool.
    pub fn pool(&self) -> &PoolMetrics {
        self.group(&self.0.pool, PoolMetrics::register)
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

    /// Adds a metric of the caller's own. A counter's name is given without `_total`.
    pub fn register(&self, name: &str, help: &str, metric: impl Metric) {
        self.lock().register(name, help, metric);
    }

    /// Everything as text, in the given format.
    pub fn encode(&self, format: Exposition) -> String {
        let mut text = String::with_capacity(16 * 1024);
        let registry = self.lock();
        if prometheus_client::encoding::text::encode(&mut text, &registry).is_err() {
            // Writing to a `String` does not fail; a collector that did would be a defect.
            tracing::error!("a metric could not be written");
        }
        drop(registry);
        format.present(text)
    }

    fn group<'a, T>(&self, cell: &'a OnceLock<T>, register: fn(&mut Registry) -> T) -> &'a T {
        cell.get_or_init(|| register(&mut self.lock()))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Registry> {
        self.0
            .registry
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
