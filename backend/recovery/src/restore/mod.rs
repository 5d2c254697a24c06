//! A backup becomes the database.
//!
//! [`plan`] looks at everything that may speak against it and changes nothing. [`restore`] then fills
//! a database beside the live one, compares it with the backup, brings it to this version's schema
//! and only then lets it take the other's place, in one step. What was there is kept beside it.

pub(crate) mod beside;
mod elsewhere;
mod leftovers;
mod plan;
mod scratch;

use std::time::{Duration, Instant};

use saas_domain::{Clock, Random};
use saas_migration::{Belongs, TABLES};
use saas_storage::{
    Database, DatabaseSettings, StorageError,
    core::sessions::{self, RevokeReason},
};

use crate::{RecoveryError, source::Source, stop::Stop, verify::Backup};
use beside::Beside;
pub use elsewhere::restored;
pub(crate) use leftovers::Hold;
pub(crate) use plan::sound;
pub use plan::{Allowed, Plan, plan};
pub use scratch::Scratch;

/// A restore that was done.
#[derive(Clone, Debug)]
pub struct Restored {
    /// What was there before, by the name or path under which it is kept now.
    pub kept: Option<String>,
    /// Statements by which it would have got everything that the one before had beside its content,
    /// and which this user may not run.
    pub refused: Vec<String>,
    /// Migrations that the backup did not have, and the database has now.
    pub migrated: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

/// Restores a backup as planned. What `finish` does to the restored database is done before it takes
/// the live one's place.
///
/// # Errors
/// When the backup cannot be read to its end, or what was restored is not what was saved. Then the
/// database is as it was.
pub async fn restore(
    backup: &Backup,
    target: &Source,
    plan: &Plan,
    finish: impl AsyncFnOnce(&Database) -> Result<(), StorageError>,
    clock: &Clock,
    random: &Random,
    stop: &Stop,
) -> Result<Restored, RecoveryError> {
    let began = Instant::now();
    let hold = Hold::take(target).await?;
    let beside = Beside::make(target, clock.now()).await?;
    let done = async {
        beside.fill(backup, &plan.manifest, stop).await?;
        beside.compare(&plan.manifest, stop).await?;
        let migrated = brought_up(&beside, clock, random).await?;
        let database = opened(&beside.url(), clock, random).await?;
        let finished = finish(&database).await;
        database.close().await;
        finished?;
        stop.check()?;
        let refused = beside.liken().await?;
        Ok(Restored {
            kept: beside.switch().await?,
            refused,
            migrated,
            took: began.elapsed(),
        })
    };
    let done: Result<_, RecoveryError> = done.await;
    if done.is_err() {
        beside.discard().await;
    }
    hold.release().await;
    done
}

/// Brings what was restored to this version's schema and lets a new history begin; returns the
/// migrations that it did not have.
async fn brought_up(
    beside: &Beside,
    clock: &Clock,
    random: &Random,
) -> Result<Vec<String>, RecoveryError> {
    let migrated = saas_migration::up(&beside.url()).await?;
    beside.forget(&rebuilt()).await?;
    begin_anew(&beside.url(), clock, random).await?;
    Ok(migrated)
}

/// What running processes make anew. Of the time of the backup, it would send gateways to instances
/// that are no more, and have registries wait for leaders that are gone.
fn rebuilt() -> String {
    let tables = TABLES
        .iter()
        .filter(|(_, belongs)| *belongs == Belongs::Rebuilt);
    let statements = tables.map(|(table, _)| format!("DELETE FROM {table};\n"));
    statements.collect()
}

/// Numbers of the change log that were given out after the backup mean something else from now on,
/// and a session that was ended since must not go on: all sign in anew.
async fn begin_anew(url: &str, clock: &Clock, random: &Random) -> Result<(), RecoveryError> {
    let database = opened(url, clock, random).await?;
    let begun = async {
        database.begin_epoch().await?;
        let tx = database.system("restore.end_sessions").await?;
        sessions::revoke_everybody(&tx, RevokeReason::Restored, clock.now()).await?;
        tx.commit().await
    };
    let begun = begun.await;
    database.close().await;
    Ok(begun?)
}

async fn opened(url: &str, clock: &Clock, random: &Random) -> Result<Database, StorageError> {
    let settings = DatabaseSettings {
        url: url.to_owned(),
        min_connections: 0,
        max_connections: 2,
    };
    Database::open(settings, clock.clone(), random.clone()).await
}
