//! Logs, metrics and the registry of metric names.

mod logs;
mod metrics;

pub use logs::{LogFormat, LogHandle, LogSettings, StartError, start};
pub use metrics::{
    CacheMetrics, CertificateName, CoreMetrics, DatabaseMetrics, DatabaseServerMetrics, Described,
    EndpointMetrics, Exposition, GatewayMetrics, HttpMetrics, Kind, Latency, Metrics,
    RegistryMetrics, Replica, SECONDS_BUCKETS, Service, ServiceKind, Tenant, VaultMetrics,
};
pub use prometheus_client::metrics::{counter::Counter, family::Family, gauge::Gauge};
pub use tracing::Level;
