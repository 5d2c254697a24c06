//! The metrics of what lies beneath: the database and the cache.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};

use super::{Kind, Latency, names::Names};

/// One label that names a standby server: as many values as there are.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Replica {
    /// Its `application_name` and address.
    pub replica: String,
}

/// The database and its connection pool, as this service sees them.
#[derive(Clone, Debug)]
pub struct DatabaseMetrics {
    /// 1 if the database answered when it was last asked, by its kind (`postgres`, `sqlite`).
    pub up: Family<Kind, Gauge>,
    /// Connections open now.
    pub open: Gauge,
    /// Connections open but unused now.
    pub idle: Gauge,
    /// The most connections there may be.
    pub limit: Gauge,
    /// How long a transaction waited until it had begun.
    pub wait: Latency,
    /// Transactions that got no connection in time, or found the database away.
    pub unavailable: Counter,
}

impl DatabaseMetrics {
    pub(super) fn register(names: &mut Names) -> Self {
        let up = Family::default();
        names.register(
            "database_up",
            "1 if the database answered when last asked, by its kind",
            up.clone(),
        );
        Self {
            up,
            open: names.gauge("database_pool_connections", "Connections open"),
            idle: names.gauge("database_pool_idle_connections", "Connections unused"),
            limit: names.gauge(
                "database_pool_limit_connections",
                "The most connections allowed",
            ),
            wait: names.latency(
                "database_pool_wait_seconds",
                "Time until a transaction had its connection and had begun",
            ),
            unavailable: names.counter(
                "database_unavailable",
                "Transactions refused: database away",
            ),
        }
    }
}

/// The database itself, seen the same by everybody; the registry tells it.
#[derive(Clone, Debug)]
pub struct DatabaseServerMetrics {
    /// What the database takes on its disk.
    pub size: Gauge,
    /// Standby servers that stream from this one.
    pub replicas: Gauge,
    /// How far behind each of them is. Absent where the role may not see it.
    pub replica_lag: Family<Replica, Gauge<f64, AtomicU64>>,
    /// How many bytes of the log each of them has not replayed.
    pub replica_lag_bytes: Family<Replica, Gauge>,
}

impl DatabaseServerMetrics {
    pub(super) fn register(names: &mut Names) -> Self {
        let (replica_lag, replica_lag_bytes) = (Family::default(), Family::default());
        names.register(
            "database_replica_lag_seconds",
            "How far behind a standby server of PostgreSQL replays",
            replica_lag.clone(),
        );
        names.register(
            "database_replica_lag_bytes",
            "How much of the log a standby server has not replayed",
            replica_lag_bytes.clone(),
        );
        Self {
            size: names.gauge("database_size_bytes", "The database's size on its disk"),
            replicas: names.gauge(
                "database_replicas",
                "Standby servers that stream from the database",
            ),
            replica_lag,
            replica_lag_bytes,
        }
    }
}

/// The cache, in process or in Redis.
#[derive(Clone, Debug)]
pub struct CacheMetrics {
    /// 1 if the cache answered when it was last asked, by its kind (`redis`, `memory`).
    pub up: Family<Kind, Gauge>,
    /// Reads answered from the cache.
    pub hits: Counter,
    /// Reads that went to the database.
    pub misses: Counter,
    /// Calls to Redis that failed; each counted as a miss as well if it was a read.
    pub errors: Counter,
}

impl CacheMetrics {
    pub(super) fn register(names: &mut Names) -> Self {
        let up = Family::default();
        names.register(
            "cache_up",
            "1 if the cache answered when last asked, by its kind",
            up.clone(),
        );
        Self {
            up,
            hits: names.counter("cache_hits", "Reads answered from the cache"),
            misses: names.counter("cache_misses", "Reads not found in the cache"),
            errors: names.counter("cache_errors", "Calls to the cache that failed"),
        }
    }
}
