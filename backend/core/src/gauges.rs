//! Figures that are looked at rather than counted.

use std::time::Duration;

use saas_cache::Cache;
use saas_storage::{
    StorageError,
    core::{tenants, users},
};
use saas_telemetry::{Kind, Metrics};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::state::Core;

/// How often the cheap ones are looked at.
const EVERY: Duration = Duration::from_secs(5);
/// How long the database or the cache may take to answer before it counts as away.
const ANSWER: Duration = Duration::from_secs(3);
/// Every how many looks the rows are counted as well.
const COUNT_ROWS_EVERY: u32 = 12;

/// Keeps the gauges up to date until the process stops.
pub(crate) async fn run(core: Core, cache: Cache, metrics: Metrics, shutdown: CancellationToken) {
    let mut looks = 0_u32;
    let mut failures = 0;
    let own = metrics.database();
    own.limit.set(core.db.connection_limit().into());
    let kind = core.db.kind().as_str();
    let database_up = own.up.get_or_create_owned(&Kind { kind });
    let kind = cache.kind();
    let cache_up = metrics.cache().up.get_or_create_owned(&Kind { kind });
    loop {
        let (in_use, idle) = core.db.connections();
        own.open.set((in_use + idle).into());
        own.idle.set(idle.into());
        let (database, cached) = tokio::join!(
            timeout(ANSWER, core.db.ping()),
            timeout(ANSWER, cache.ping())
        );
        database_up.set(matches!(database, Ok(Ok(()))).into());
        cache_up.set(matches!(cached, Ok(Ok(()))).into());
        let failed = cache.failures();
        metrics.cache().errors.inc_by(failed - failures);
        failures = failed;
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
