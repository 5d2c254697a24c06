//! Logs, metrics with the registry of their names, and traces.

mod logs;
mod metrics;
mod traces;

pub use logs::{LogFormat, LogHandle, LogSettings, StartError, start};
pub use metrics::{
    BackupFigures, BackupMetrics, CacheMetrics, CertificateName, CoreMetrics, DatabaseMetrics,
    DatabaseServerMetrics, Described, EndpointMetrics, Exposition, GatewayMetrics, HttpMetrics,
    Kind, Latency, Metrics, RegistryMetrics, Replica, SECONDS_BUCKETS, Service, ServiceKind,
    Tenant, TraceMetrics, VaultMetrics,
};
pub use prometheus_client::metrics::{counter::Counter, family::Family, gauge::Gauge};
pub use traces::{
    Answer, Current, Limits, Parent, Resource, Sampler, Span, SpanId, SpanKind, TraceId, Tracer,
    Traces, Transport, Value,
};
pub use tracing::Level;
