//! Figures that are looked at rather than counted.

use std::time::Duration;

use saas_storage::{Database, DatabaseFigures, StorageError};
use saas_telemetry::{DatabaseServerMetrics, Kind, Metrics, Replica};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::catalog::Catalog;

/// How often they are looked at.
const EVERY: Duration = Duration::from_secs(5);
/// How long the database may take to answer before it counts as away.
const ANSWER: Duration = Duration::from_secs(3);
/// Every how many looks the database's size is asked for as well: that reads its directory.
const MEASURE_EVERY: u32 = 3;

/// Keeps the gauges up to date until the shutdown.
pub(crate) async fn run(
    database: Database,
    catalog: Catalog,
    metrics: Metrics,
    shutdown: CancellationToken,
) {
    let own = metrics.database();
    own.limit.set(database.connection_limit().into());
    let kind = database.kind().as_str();
    let up = own.up.get_or_create_owned(&Kind { kind });
    let mut looks = 0_u32;
    loop {
        let (in_use, idle) = database.connections();
        own.open.set((in_use + idle).into());
        own.idle.set(idle.into());
        let readers = catalog.current().map_or(0, |current| current.hub.readers());
        let readers = i64::try_from(readers).unwrap_or(i64::MAX);
        metrics.registry().streams.set(readers);
        let is_up = matches!(timeout(ANSWER, database.ping()).await, Ok(Ok(())));
        up.set(is_up.into());
        if is_up
            && looks.is_multiple_of(MEASURE_EVERY)
            && let Err(error) = measure(&database, metrics.database_server()).await
        {
            tracing::debug!(error = error.chain(), "the database was not measured");
        }
        looks = looks.wrapping_add(1);
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn measure(database: &Database, show: &DatabaseServerMetrics) -> Result<(), StorageError> {
    let DatabaseFigures {
        size_bytes,
        replicas,
    } = database.figures().await?;
    show.size.set(size_bytes);
    show.replicas
        .set(i64::try_from(replicas.len()).unwrap_or(i64::MAX));
    // A standby that left is shown no more: `database_replicas` tells that it is missing.
    show.replica_lag.clear();
    show.replica_lag_bytes.clear();
    for replica in replicas {
        let Some((seconds, bytes)) = replica.lag else {
            continue;
        };
        let label = Replica {
            replica: replica.name,
        };
        show.replica_lag.get_or_create(&label).set(seconds);
        show.replica_lag_bytes.get_or_create(&label).set(bytes);
    }
    Ok(())
}
