//! The metrics of each part of the platform, by name.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};

use super::{Latency, names::Names};

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

/// A service and how its instances are.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ServiceKind {
    /// The service's name.
    pub service: String,
    /// The status of its instances.
    pub kind: &'static str,
}

/// One label that names a certificate by its first host.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CertificateName {
    /// The host.
    pub domain: String,
}

/// One label that names a tenant. Only for the few that are busiest: there may be very many.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Tenant {
    /// The tenant's identifier.
    pub tenant: String,
}

/// Services, instances, leases, checks and the change stream.
#[derive(Clone, Debug)]
pub struct RegistryMetrics {
    /// Services known.
    pub services: Gauge,
    /// Instances by status (`up`, `down`, `draining`, …).
    pub instances: Family<Kind, Gauge>,
    /// Instances of each service by status. A service without any shows zeros.
    pub service_instances: Family<ServiceKind, Gauge>,
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
    pub(super) fn register(names: &mut Names) -> Self {
        let instances = Family::default();
        names.register(
            "registry_instances",
            "Instances by status",
            instances.clone(),
        );
        let service_instances = Family::default();
        names.register(
            "registry_service_instances",
            "Instances of each active service by status",
            service_instances.clone(),
        );
        Self {
            services: names.gauge("registry_services", "Services known"),
            instances,
            service_instances,
            routes: names.gauge("registry_routes", "Routes enabled"),
            heartbeats: names.counter("registry_heartbeats", "Leases renewed"),
            leases_expired: names.counter("registry_leases_expired", "Leases that ran out"),
            eviction_guard: names.gauge("registry_eviction_guard", "1 while expiry is suspended"),
            checks: names.kinds("registry_health_checks", "Health checks by outcome"),
            streams: names.gauge("registry_streams", "Open change streams"),
            change_number: names.gauge("registry_change_number", "The last change applied"),
            leader: names.gauge("registry_leader", "1 on the replica that leads"),
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
    pub(super) fn register(names: &mut Names) -> Self {
        Self {
            sign_ins: names.kinds("core_sign_ins", "Sign-ins by outcome"),
            tokens_issued: names.kinds("core_tokens_issued", "Tokens issued by occasion"),
            refresh_reuse: names.counter("core_refresh_reuse", "Refresh tokens used twice"),
            password_hash: names.latency("core_password_hash_seconds", "Time of a password hash"),
            password_hashes_pending: names.gauge(
                "core_password_hashes_pending",
                "Hashes under way or waiting",
            ),
            streams: names.gauge("core_trust_streams", "Open trust streams"),
            change_number: names.gauge("core_trust_change_number", "The last trust change applied"),
            tenants: names.gauge("core_tenants", "Tenants"),
            users: names.gauge("core_users", "People"),
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
    /// Requests answered by service, up to ten seconds late.
    pub service_requests: Family<Service, Counter>,
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
    /// 1 while each limit is counted in Redis for all gateways together.
    pub limits_exact: Gauge,
    /// The trust change number in use.
    pub trust_version: Gauge,
    /// Seconds since the trust stream last beat.
    pub trust_age: Gauge<f64, AtomicU64>,
    /// Seconds since the routing stream last beat.
    pub routing_age: Gauge<f64, AtomicU64>,
    /// Requests a second of the tenants that asked most, over the last ten seconds.
    pub tenant_requests: Family<Tenant, Gauge<f64, AtomicU64>>,
    /// Refusals a second of the tenants whose limit refused most, over the last ten seconds.
    pub tenant_refusals: Family<Tenant, Gauge<f64, AtomicU64>>,
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
    pub(super) fn register(names: &mut Names) -> Self {
        let service_errors = Family::default();
        names.register(
            "gateway_service_errors",
            "Answers of 5xx by service",
            service_errors.clone(),
        );
        let service_requests = Family::default();
        names.register(
            "gateway_service_requests",
            "Requests answered by service, ten seconds late at most",
            service_requests.clone(),
        );
        let (tenant_requests, tenant_refusals) = (Family::default(), Family::default());
        names.register(
            "gateway_tenant_requests_per_second",
            "Requests of the busiest tenants, over the last ten seconds",
            tenant_requests.clone(),
        );
        names.register(
            "gateway_tenant_refusals_per_second",
            "Requests refused by a tenant's limit, of the tenants refused most, over the last ten seconds",
            tenant_refusals.clone(),
        );
        let routing_age = Gauge::default();
        names.register(
            "gateway_routing_age_seconds",
            "Seconds since the routing stream beat",
            routing_age.clone(),
        );
        let certificate_not_after = Family::default();
        names.register(
            "saas_tls_certificate_not_after_timestamp_seconds",
            "When the certificate shown ends",
            certificate_not_after.clone(),
        );
        let trust_age = Gauge::default();
        names.register(
            "gateway_trust_age_seconds",
            "Seconds since the trust stream beat",
            trust_age.clone(),
        );
        Self {
            connections: names.gauge("gateway_connections", "Client connections open"),
            in_flight: names.gauge("gateway_requests_in_flight", "Requests under way"),
            upstream_connections: names.gauge(
                "gateway_upstream_connections",
                "Connections to instances open",
            ),
            retries: names.counter("gateway_retries", "Attempts repeated with another instance"),
            waited_for_instance: names.counter(
                "gateway_waited_for_instance",
                "Requests that waited for an instance",
            ),
            upstream_errors: names.kinds("gateway_upstream_errors", "Failed attempts by reason"),
            service_requests,
            service_errors,
            rate_limited: names.kinds("gateway_rate_limited", "Requests refused by a limit"),
            refused: names.kinds("gateway_refused", "Requests refused for want of a right"),
            token_cache_hits: names
                .counter("gateway_token_cache_hits", "Tokens found verified already"),
            token_cache_misses: names.counter("gateway_token_cache_misses", "Tokens verified"),
            limits_exact: names.gauge(
                "gateway_limits_exact",
                "1 while limits are counted in Redis for all gateways",
            ),
            table_version: names.gauge("gateway_table_version", "The registry change in use"),
            trust_version: names.gauge("gateway_trust_version", "The trust change in use"),
            trust_age,
            routing_age,
            tenant_requests,
            tenant_refusals,
            instances: names.gauge("gateway_instances", "Instances in the table in use"),
            traffic_dropped: names
                .counter("gateway_traffic_dropped", "Aggregates dropped: core away"),
            tls_handshakes: names.kinds("gateway_tls_handshakes", "TLS handshakes by outcome"),
            certificate_not_after,
        }
    }
}
