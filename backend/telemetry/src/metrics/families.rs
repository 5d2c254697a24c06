//! The metrics of each part of the platform, by name.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::Latency;

/// One label with a value from a small fixed set.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Kind {
    /// What kind it was.
    pub kind: &'static str,
}

/// One label that names a business service: as many values as there are services.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Service {
    /// The service's name.
    pub service: String,
}

/// One label that names a certificate by its first host.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CertificateName {
    /// The host.
    pub certificate: String,
}

fn counter(registry: &mut Registry, name: &str, help: &str) -> Counter {
    let metric = Counter::default();
    registry.register(name, help, metric.clone());
    metric
}

fn gauge(registry: &mut Registry, name: &str, help: &str) -> Gauge {
    let metric = Gauge::default();
    registry.register(name, help, metric.clone());
    metric
}

fn kinds(registry: &mut Registry, name: &str, help: &str) -> Family<Kind, Counter> {
    let metric = Family::default();
    registry.register(name, help, metric.clone());
    metric
}

fn latency(registry: &mut Registry, name: &str, help: &str) -> Latency {
    let metric = Latency::default();
    registry.register(name, help, metric.clone());
    metric
}

/// The database's connection pool.
#[derive(Clone, Debug)]
pub struct PoolMetrics {
    /// Connections open now.
    pub open: Gauge,
    /// Connections open but unused now.
    pub idle: Gauge,
    /// The most connections there may be.
    pub limit: Gauge,
    /// How long a transaction waited for its connection.
    pub wait: Latency,
    /// Transactions that got no connection in time, or found the database away.
    pub unavailable: Counter,
}

impl PoolMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        Self {
            open: gauge(registry, "database_pool_connections", "Connections open"),
            idle: gauge(
                registry,
                "database_pool_idle_connections",
                "Connections unused",
            ),
            limit: gauge(
                registry,
                "database_pool_limit_connections",
                "The most connections allowed",
            ),
            wait: latency(
                registry,
                "database_pool_wait_seconds",
                "Time until a connection was there",
            ),
            unavailable: counter(
                registry,
                "database_unavailable",
                "Transactions refused: database away",
            ),
        }
    }
}

/// The cache, in process or in Redis.
#[derive(Clone, Debug)]
pub struct CacheMetrics {
    /// Reads answered from the cache.
    pub hits: Counter,
    /// Reads that went to the database.
    pub misses: Counter,
    /// Calls to Redis that failed; each counted as a miss as well if it was a read.
    pub errors: Counter,
}

impl CacheMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        Self {
            hits: counter(registry, "cache_hits", "Reads answered from the cache"),
            misses: counter(registry, "cache_misses", "Reads not found in the cache"),
            errors: counter(registry, "cache_errors", "Calls to the cache that failed"),
        }
    }
}

/// Services, instances, leases, checks and the change stream.
#[derive(Clone, Debug)]
pub struct RegistryMetrics {
    /// Services known.
    pub services: Gauge,
    /// Instances by status (`up`, `down`, `draining`, …).
    pub instances: Family<Kind, Gauge>,
    /// Routes defined and enabled.
    pub routes: Gauge,
    /// Leases renewed.
    pub heartbeats: Counter,
    /// Leases that ran out.
    pub leases_expired: Counter,
    /// 1 while expiry is suspended, because the database or the registry was away.
    pub eviction_guard: Gauge,
    /// Health checks made, by outcome (`passing`, `failing`).
    pub checks: Family<Kind, Counter>,
    /// Open change streams.
    pub streams: Gauge,
    /// The number of the last change applied.
    pub change_number: Gauge,
    /// 1 on the replica that expires leases and checks health.
    pub leader: Gauge,
}

impl RegistryMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let instances = Family::default();
        registry.register(
            "registry_instances",
            "Instances by status",
            instances.clone(),
        );
        Self {
            services: gauge(registry, "registry_services", "Services known"),
            instances,
            routes: gauge(registry, "registry_routes", "Routes enabled"),
            heartbeats: counter(registry, "registry_heartbeats", "Leases renewed"),
            leases_expired: counter(registry, "registry_leases_expired", "Leases that ran out"),
            eviction_guard: gauge(
                registry,
                "registry_eviction_guard",
                "1 while expiry is suspended",
            ),
            checks: kinds(
                registry,
                "registry_health_checks",
                "Health checks by outcome",
            ),
            streams: gauge(registry, "registry_streams", "Open change streams"),
            change_number: gauge(
                registry,
                "registry_change_number",
                "The last change applied",
            ),
            leader: gauge(registry, "registry_leader", "1 on the replica that leads"),
        }
    }
}

/// Sign-ins, tokens and password hashing.
#[derive(Clone, Debug)]
pub struct CoreMetrics {
    /// Sign-ins by outcome (`success`, `wrong_password`, `limited`, …).
    pub sign_ins: Family<Kind, Counter>,
    /// Tokens issued, by occasion (`login`, `refresh`, `switch_tenant`, …).
    pub tokens_issued: Family<Kind, Counter>,
    /// Refresh tokens used twice; each ended its session.
    pub refresh_reuse: Counter,
    /// How long one password hash took, waiting for its turn included.
    pub password_hash: Latency,
    /// Password hashes under way or waiting.
    pub password_hashes_pending: Gauge,
    /// Open trust streams.
    pub streams: Gauge,
    /// The number of the last trust change applied.
    pub change_number: Gauge,
    /// Tenants that exist.
    pub tenants: Gauge,
    /// People who exist.
    pub users: Gauge,
}

impl CoreMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        Self {
            sign_ins: kinds(registry, "core_sign_ins", "Sign-ins by outcome"),
            tokens_issued: kinds(registry, "core_tokens_issued", "Tokens issued by occasion"),
            refresh_reuse: counter(registry, "core_refresh_reuse", "Refresh tokens used twice"),
            password_hash: latency(
                registry,
                "core_password_hash_seconds",
                "Time of a password hash",
            ),
            password_hashes_pending: gauge(
                registry,
                "core_password_hashes_pending",
                "Hashes under way or waiting",
            ),
            streams: gauge(registry, "core_trust_streams", "Open trust streams"),
            change_number: gauge(
                registry,
                "core_trust_change_number",
                "The last trust change applied",
            ),
            tenants: gauge(registry, "core_tenants", "Tenants"),
            users: gauge(registry, "core_users", "People"),
        }
    }
}

/// The gateway's own decisions. Counters of a family are worth fetching once
/// (`family.get_or_create_owned`) and keeping: adding to the kept one takes no lock.
#[derive(Clone, Debug)]
pub struct GatewayMetrics {
    /// Client connections open now.
    pub connections: Gauge,
    /// Requests under way now.
    pub in_flight: Gauge,
    /// Connections to instances open now.
    pub upstream_connections: Gauge,
    /// Attempts that were repeated with another instance.
    pub retries: Counter,
    /// Requests that waited for an instance to come back.
    pub waited_for_instance: Counter,
    /// Failed attempts, by reason (`connect`, `timeout`, `reset`, `no_instance`, …).
    pub upstream_errors: Family<Kind, Counter>,
    /// Answers of 5xx by service.
    pub service_errors: Family<Service, Counter>,
    /// Requests refused by a limit, by whose (`tenant`, `address`).
    pub rate_limited: Family<Kind, Counter>,
    /// Requests refused for want of a right, by reason (`no_token`, `expired`, `revoked`, …).
    pub refused: Family<Kind, Counter>,
    /// Tokens found verified already.
    pub token_cache_hits: Counter,
    /// Tokens whose signature had to be verified.
    pub token_cache_misses: Counter,
    /// The registry's change number in use.
    pub table_version: Gauge,
    /// The trust change number in use.
    pub trust_version: Gauge,
    /// Seconds since the trust stream last beat.
    pub trust_age: Gauge<f64, AtomicU64>,
    /// Instances in the table in use.
    pub instances: Gauge,
    /// Ten-second aggregates dropped because core was away too long.
    pub traffic_dropped: Counter,
    /// TLS handshakes by outcome (`full`, `resumed`, `failed`, `timeout`, `displaced`, `plain`).
    pub tls_handshakes: Family<Kind, Counter>,
    /// When each certificate that is shown ends, in seconds since 1970.
    pub certificate_not_after: Family<CertificateName, Gauge>,
}

impl GatewayMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let service_errors = Family::default();
        registry.register(
            "gateway_service_errors",
            "Answers of 5xx by service",
            service_errors.clone(),
        );
        let certificate_not_after = Family::default();
        registry.register(
            "saas_tls_certificate_not_after_timestamp_seconds",
            "When the certificate shown ends",
            certificate_not_after.clone(),
        );
        let trust_age = Gauge::default();
        registry.register(
            "gateway_trust_age_seconds",
            "Seconds since the trust stream beat",
            trust_age.clone(),
        );
        Self {
            connections: gauge(registry, "gateway_connections", "Client connections open"),
            in_flight: gauge(registry, "gateway_requests_in_flight", "Requests under way"),
            upstream_connections: gauge(
                registry,
                "gateway_upstream_connections",
                "Connections to instances open",
            ),
            retries: counter(
                registry,
                "gateway_retries",
                "Attempts repeated with another instance",
            ),
            waited_for_instance: counter(
                registry,
                "gateway_waited_for_instance",
                "Requests that waited for an instance",
            ),
            upstream_errors: kinds(
                registry,
                "gateway_upstream_errors",
                "Failed attempts by reason",
            ),
            service_errors,
            rate_limited: kinds(
                registry,
                "gateway_rate_limited",
                "Requests refused by a limit",
            ),
            refused: kinds(
                registry,
                "gateway_refused",
                "Requests refused for want of a right",
            ),
            token_cache_hits: counter(
                registry,
                "gateway_token_cache_hits",
                "Tokens found verified already",
            ),
            token_cache_misses: counter(registry, "gateway_token_cache_misses", "Tokens verified"),
            table_version: gauge(
                registry,
                "gateway_table_version",
                "The registry change in use",
            ),
            trust_version: gauge(registry, "gateway_trust_version", "The trust change in use"),
            trust_age,
            instances: gauge(
                registry,
                "gateway_instances",
                "Instances in the table in use",
            ),
            traffic_dropped: counter(
                registry,
                "gateway_traffic_dropped",
                "Aggregates dropped: core away",
            ),
            tls_handshakes: kinds(
                registry,
                "gateway_tls_handshakes",
                "TLS handshakes by outcome",
            ),
            certificate_not_after,
        }
    }
}
