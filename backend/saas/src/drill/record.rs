//! A drill that somebody asked for, written down where the console and `saas doctor` look.

use saas_config::Settings;
use saas_domain::{AuditEventId, Clock, Random};
use saas_storage::{
    Database, DatabaseSettings, StorageError,
    recovery::{self, RecoveryRun, RunKind, RunStatus},
};

use serde_json::Value;

use super::Sealed;
use crate::Failure;

/// A row that says that a drill is under way.
pub(crate) struct Record {
    database: Database,
    run: RecoveryRun,
}

impl Record {
    /// Writes down that a drill begins.
    ///
    /// # Errors
    /// When the live database is away, or not of this version. A backup may be tried all the same.
    pub(crate) async fn begin(
        settings: &Settings,
        clock: &Clock,
        random: &Random,
    ) -> Result<Self, Failure> {
        let url = settings.database_url.expose();
        // First, for it makes nothing where there is no database yet.
        let states = saas_migration::status(url).await?;
        if !states.iter().all(|state| state.is_applied) {
            return Err(Failure::correctable("the database is not of this version"));
        }
        let pool = DatabaseSettings {
            url: url.to_owned(),
            min_connections: 0,
            max_connections: 1,
        };
        let database = Database::open(pool, clock.clone(), random.clone()).await?;
        let holder = AuditEventId::generate(clock, random).to_string();
        match begun(&database, &holder).await {
            Ok(Some(run)) => Ok(Self { database, run }),
            other => {
                database.close().await;
                other?;
                Err(Failure::failed(
                    "the drill was written down by somebody else",
                ))
            }
        }
    }

    /// Writes down how it ended.
    ///
    /// # Errors
    /// When the live database is away.
    pub(crate) async fn end(self, sealed: &Sealed) -> Result<(), Failure> {
        let ended = self.write(sealed).await;
        self.database.close().await;
        Ok(ended?)
    }

    async fn write(&self, sealed: &Sealed) -> Result<(), StorageError> {
        let status = if sealed.report.passed {
            RunStatus::Succeeded
        } else {
            RunStatus::Failed
        };
        let (run, detail) = (&self.run, Value::Object(sealed.detail()).to_string());
        let tx = self.database.system("drill.end").await?;
        recovery::finish(&tx, run.id, &run.holder, status, &detail).await?;
        tx.commit().await
    }
}

async fn begun(database: &Database, holder: &str) -> Result<Option<RecoveryRun>, StorageError> {
    let tx = database.system("drill.begin").await?;
    let run = recovery::begin(&tx, RunKind::Drill, None, holder).await?;
    tx.commit().await?;
    Ok(run)
}
