//! Figures that are looked at rather than counted.

use std::time::Duration;

use saas_storage::{
    StorageError,
    core::{tenants, users},
};
use saas_telemetry::Metrics;
use tokio_util::sync::CancellationToken;

use crate::state::Core;

/// How often the cheap ones are looked at.
const EVERY: Duration = Duration::from_secs(5);
/// Every how many looks the rows are counted as well.
const COUNT_ROWS_EVERY: u32 = 12;

/// Keeps the gauges up to date until the process stops.
pub(crate) async fn run(
    core: Core,
    metrics: Metrics,
    connection_limit: u32,
    shutdown: CancellationToken,
) {
    let mut looks = 0_u32;
    metrics.pool().limit.set(connection_limit.into());
    loop {
        let (in_use, idle) = core.db.connections();
        metrics.pool().open.set((in_use + idle).into());
        metrics.pool().idle.set(idle.into());
        let position = core.trust.position();
        core.metrics.change_number.set(position.number);
        let streams = i64::try_from(core.trust.readers()).unwrap_or(i64::MAX);
        core.metrics.streams.set(streams);
        if looks.is_multiple_of(COUNT_ROWS_EVERY)
            && let Err(error) = count_rows(&core).await
        {
            tracing::debug!(error = error.chain(), "rows were not counted");
        }
        looks = looks.wrapping_add(1);
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn count_rows(core: &Core) -> Result<(), StorageError> {
    let tx = core.db.system_read("gauges.count").await?;
    let gauge = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    core.metrics.tenants.set(gauge(tenants::count(&tx).await?));
    core.metrics.users.set(gauge(users::count(&tx).await?));
    Ok(())
}
