//! A backup restored beside the live database to be looked at, and gone afterwards.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use chrono::TimeDelta;
use rustix::fs::{FlockOperation, flock};
use saas_domain::{Clock, Random};

use super::{
    beside::{self, Beside, is_moment},
    brought_up,
};
use crate::{
    RecoveryError, file,
    format::Manifest,
    postgres::{self, Held, Programs},
    source::{Kind, Source},
    sqlite::{directory, unusable},
    stop::Stop,
    verify::Backup,
};

const WHAT_FOR: &str = "drill";
/// Beside a file, another one that its process keeps locked.
const LOCK: &str = ".lock";
/// How many may begin in one second.
const CROWDED: i64 = 10;

/// A database that a drill looks at. It never takes the live one's place. It has to be
/// [discarded](Self::discard); what a killed process left is removed by the next one.
pub struct Scratch {
    beside: Beside,
    /// By it a living process's database is told from a dead one's.
    hold: Hold,
}

enum Hold {
    Postgres(Held),
    Sqlite { _lock: File, path: PathBuf },
}

impl Hold {
    /// `None` if another one has that name.
    async fn take(live: &Source, named: &Beside) -> Result<Option<Self>, RecoveryError> {
        match (&live.kind, named) {
            (Kind::Postgres(server), Beside::Postgres { new, .. }) => {
                let held = Held::take(server, &new.database()).await?;
                Ok(held.map(Self::Postgres))
            }
            (_, Beside::Sqlite { new, .. }) => {
                let path = crate::sqlite::beside(new, LOCK);
                match lock(&path) {
                    Ok(lock) => Ok(Some(Self::Sqlite { _lock: lock, path })),
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
                    Err(error) => Err(unusable(&path, error)),
                }
            }
            (Kind::Sqlite(_), Beside::Postgres { .. }) => Ok(None),
        }
    }
}

impl Scratch {
    /// An empty one beside the live database, which is not touched.
    ///
    /// # Errors
    /// When it cannot be made there.
    pub async fn make(live: &Source, clock: &Clock) -> Result<Self, RecoveryError> {
        match &live.kind {
            Kind::Postgres(server) => sweep_databases(server).await,
            Kind::Sqlite(file) => sweep_files(file),
        }
        let began = clock.now();
        // Two of the same second: the later one takes the next.
        for later in 0..CROWDED {
            let moment = began + TimeDelta::seconds(later);
            let named = Beside::name(live, WHAT_FOR, moment);
            if let Some(hold) = Hold::take(live, &named).await? {
                let beside = named.made().await?;
                return Ok(Self { beside, hold });
            }
        }
        Err(RecoveryError::Crowded)
    }

    /// Restores the backup into it, which is the one that `manifest` was read from.
    ///
    /// # Errors
    /// When the backup cannot be read to its end, or `stop` says so.
    pub async fn fill(
        &self,
        backup: &Backup,
        manifest: &Manifest,
        stop: &Stop,
    ) -> Result<(), RecoveryError> {
        self.beside.fill(backup, manifest, stop).await
    }

    /// Whether each table has the rows and the checksum of the manifest.
    ///
    /// # Errors
    /// [`RecoveryError::Differs`].
    pub async fn compare(&self, manifest: &Manifest, stop: &Stop) -> Result<(), RecoveryError> {
        self.beside.compare(manifest, stop).await
    }

    /// Does to it what a restore does last, as if it were to be used; returns the migrations that
    /// the backup did not have.
    ///
    /// # Errors
    /// When a migration fails.
    pub async fn bring_up(
        &self,
        clock: &Clock,
        random: &Random,
    ) -> Result<Vec<String>, RecoveryError> {
        brought_up(&self.beside, clock, random).await
    }

    /// Its address.
    pub fn url(&self) -> String {
        self.beside.url()
    }

    /// Removes it.
    pub async fn discard(self) {
        self.beside.discard().await;
        match self.hold {
            Hold::Postgres(held) => held.release().await,
            Hold::Sqlite { path, .. } => drop(fs::remove_file(path)),
        }
    }
}

fn lock(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

async fn sweep_databases(server: &Programs) {
    let beginning = beside::beginning(server, WHAT_FOR);
    let is_ours = |name: &str| name.strip_prefix(&beginning).is_some_and(is_moment);
    if let Err(error) = postgres::drop_abandoned(server, is_ours).await {
        tracing::warn!(%error, "what a drill that was killed left behind is still there");
    }
}

fn sweep_files(live: &Path) {
    let beginning = beside::file_beginning(live, WHAT_FOR);
    let Some(beginning) = beginning.file_name().and_then(|name| name.to_str()) else {
        return;
    };
    let directory = directory(live);
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(scratch) = name.to_str().and_then(|name| name.strip_suffix(LOCK)) else {
            continue;
        };
        if !scratch.strip_prefix(beginning).is_some_and(is_moment) {
            continue;
        }
        let is_abandoned = file::open(&entry.path())
            .is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok());
        if is_abandoned {
            beside::remove_file(&directory.join(scratch));
            // Last: as long as it is there, the next one tries again.
            let _ = fs::remove_file(entry.path());
        }
    }
}
