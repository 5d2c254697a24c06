//! Figures that are looked at rather than counted.

use std::time::Duration;

use saas_storage::Database;
use saas_telemetry::Metrics;
use tokio_util::sync::CancellationToken;

use crate::catalog::Catalog;

/// How often they are looked at.
const EVERY: Duration = Duration::from_secs(5);

/// Keeps the gauges up to date until the shutdown.
pub(crate) async fn run(
    database: Database,
    catalog: Catalog,
    metrics: Metrics,
    connection_limit: u32,
    shutdown: CancellationToken,
) {
    metrics.pool().limit.set(connection_limit.into());
    loop {
        let (in_use, idle) = database.connections();
        metrics.pool().open.set((in_use + idle).into());
        metrics.pool().idle.set(idle.into());
        let readers = catalog.current().map_or(0, |current| current.hub.readers());
        let readers = i64::try_from(readers).unwrap_or(i64::MAX);
        metrics.registry().streams.set(readers);
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}
