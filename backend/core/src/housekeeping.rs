//! Forgetting what is of no use any more. One core does it at a time.

use std::time::Duration;

use saas_domain::AuditEventId;
use saas_storage::{
    ChangeStream, StorageError,
    core::{attempts, idempotency, invitations, sessions, stale_tokens, traffic},
};
use tokio_util::sync::CancellationToken;

use crate::{identity::limits, state::Core, traffic::service as figures};

const LEASE: &str = "core.housekeeping";
/// How often to tidy up.
const EVERY: Duration = Duration::from_mins(1);
/// How long the lease lasts: whoever has it keeps it unless it stops.
const HELD_FOR: Duration = Duration::from_mins(2);
/// How long ended sessions are kept, so that a late refresh is told what happened.
const SESSIONS_KEPT: chrono::Duration = chrono::Duration::days(1);
/// How long changes are kept for followers that come back.
const CHANGES_KEPT: chrono::Duration = chrono::Duration::hours(1);

/// Tidies up every minute until the process stops.
pub(crate) async fn run(core: Core, shutdown: CancellationToken) {
    // Any unique identifier will do.
    let holder = AuditEventId::generate(&core.clock, &core.random).as_uuid();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            () = tokio::time::sleep(EVERY) => {}
        }
        match core.db.try_lead(LEASE, holder, HELD_FOR).await {
            Ok(true) => {
                if let Err(error) = tidy(&core).await {
                    tracing::warn!(error = error.chain(), "tidying up failed; trying again");
                }
            }
            Ok(false) => {}
            Err(error) => tracing::debug!(error = error.chain(), "no lease for tidying up"),
        }
    }
    if let Err(error) = core.db.resign(LEASE, holder).await {
        tracing::debug!(
            error = error.chain(),
            "the lease for tidying up ends by itself"
        );
    }
}

/// One pass; a transaction for each kind, so that none holds SQLite's writer for long.
pub(crate) async fn tidy(core: &Core) -> Result<(), StorageError> {
    let now = core.clock.now();
    let tx = core.db.system("housekeeping.sessions").await?;
    sessions::prune(&tx, now - SESSIONS_KEPT).await?;
    tx.commit().await?;
    let tx = core.db.system("housekeeping.counts").await?;
    stale_tokens::prune(&tx, now).await?;
    attempts::prune(&tx, now - limits::KEPT).await?;
    idempotency::prune(&tx, now).await?;
    invitations::prune(&tx, now).await?;
    tx.commit().await?;
    let tx = core.db.system("housekeeping.traffic").await?;
    traffic::prune(&tx, now - figures::KEPT).await?;
    tx.commit().await?;
    core.db
        .changes(ChangeStream::Trust)
        .prune(CHANGES_KEPT)
        .await?;
    Ok(())
}
