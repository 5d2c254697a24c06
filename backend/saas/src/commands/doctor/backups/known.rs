//! What is known of backups and drills: by the directory here, and by the records in the database.

use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use saas_domain::Random;
use saas_migration::status;
use saas_recovery::{Directory, format::BackupName, is_of_now};
use saas_storage::{
    Database, DatabaseSettings, StorageError,
    recovery::{self, RecoveryRun, RunKind, RunStatus},
};
use tokio::time::timeout;

use crate::commands::doctor::{finding::Finding, patient::Patient};

/// How many records are read: those of some weeks.
const MOST: u64 = 50;

/// What is known.
pub(super) struct Known {
    /// `BACKUP_DIR`.
    pub(super) place: PathBuf,
    /// Newest first.
    files: Vec<BackupName>,
    backups: Vec<RecoveryRun>,
    /// Newest first.
    pub(super) drills: Vec<RecoveryRun>,
    pub(super) installed_at: Option<DateTime<Utc>>,
    /// Why the records could not be read.
    pub(super) unasked: Option<Finding>,
}

/// The newest backup.
pub(super) struct Newest {
    pub(super) name: String,
    pub(super) taken_at: DateTime<Utc>,
    /// Where it is, if it is here.
    pub(super) path: Option<PathBuf>,
    pub(super) is_encrypted: bool,
}

impl Known {
    pub(super) async fn of(patient: &Patient) -> Self {
        let place = patient.settings.backup.directory.clone();
        let mut known = Self {
            // To open one would make it.
            files: if place.is_dir() {
                let listed = Directory::open(&place).and_then(|place| place.list());
                let names = listed.unwrap_or_default().into_iter();
                // By a name of a time to come, nobody is to think that backups are made.
                let now = patient.clock.now();
                let names = names.map(|(name, _)| name);
                names.filter(|name| is_of_now(name, now)).collect()
            } else {
                Vec::new()
            },
            place,
            backups: Vec::new(),
            drills: Vec::new(),
            installed_at: None,
            unasked: None,
        };
        if let Err(why) = known.ask(patient).await {
            known.unasked = Some(Finding::skipped(
                "records of backups and drills",
                why,
                "mend the database first",
            ));
        }
        known
    }

    async fn ask(&mut self, patient: &Patient) -> Result<(), String> {
        let url = patient.settings.database_url.expose();
        // First, for it makes nothing where there is no database yet.
        let states = timeout(patient.within, status(url)).await;
        let is_current =
            matches!(states, Ok(Ok(states)) if states.iter().all(|one| one.is_applied));
        if !is_current {
            return Err("the database is away, or not of this version".to_owned());
        }
        let pool = DatabaseSettings {
            url: url.to_owned(),
            min_connections: 0,
            max_connections: 1,
        };
        let read = async {
            let db = Database::open(pool, patient.clock.clone(), Random::os()).await?;
            let read = self.read(&db).await;
            db.close().await;
            read
        };
        let read = timeout(patient.within, read).await;
        let late = |_| format!("no answer within {} s", patient.within.as_secs());
        read.map_err(late)?.map_err(|error| error.to_string())
    }

    async fn read(&mut self, db: &Database) -> Result<(), StorageError> {
        self.installed_at = db.installation_if_any().await?.map(|one| one.created_at);
        let tx = db.system_read("doctor.recovery_runs").await?;
        self.backups = recovery::list(&tx, RunKind::Backup, MOST).await?;
        self.drills = recovery::list(&tx, RunKind::Drill, MOST).await?;
        Ok(())
    }

    /// What is left of this time since the platform was first started, if anything is.
    pub(super) fn left(&self, now: DateTime<Utc>, of: TimeDelta) -> Option<TimeDelta> {
        let left = of - (now - self.installed_at?);
        (left > TimeDelta::zero()).then_some(left)
    }

    /// The newest backup, here or by the records.
    pub(super) fn newest(&self) -> Option<Newest> {
        let here = self.files.first().map(|name| Newest {
            name: name.to_string(),
            taken_at: name.taken_at,
            path: Some(self.place.join(name.to_string())),
            is_encrypted: name.is_encrypted,
        });
        let recorded = self
            .backups
            .iter()
            .filter(|run| run.status == RunStatus::Succeeded);
        let recorded = recorded.filter_map(|run| {
            let detail = super::detail(run);
            let file = PathBuf::from(detail.get("file")?.as_str()?);
            let name: BackupName = file.file_name()?.to_str()?.parse().ok()?;
            Some(Newest {
                name: name.to_string(),
                taken_at: name.taken_at,
                path: None,
                is_encrypted: name.is_encrypted,
            })
        });
        // The one that is here, where both are the same.
        recorded.chain(here).max_by_key(|one| one.taken_at)
    }
}
