//! The database beside the live one.

use std::{
    fs::{self, File, OpenOptions},
    io::BufWriter,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::task::spawn_blocking;

use crate::{
    RecoveryError,
    create::joined,
    format::Manifest,
    postgres::{self, Programs},
    source::{Kind, Source},
    sqlite::{self, unusable},
    stop::Stop,
    verify::Backup,
};

/// A database that is not in use yet.
pub(crate) enum Beside {
    Postgres {
        live: Programs,
        new: Programs,
        old: String,
    },
    Sqlite {
        live: PathBuf,
        new: PathBuf,
        old: PathBuf,
    },
}

/// What tells one from another of the same kind.
const MOMENT: &str = "%Y%m%d%H%M%S";

/// Whether it is the moment at the end of such a name.
pub(super) fn is_moment(text: &str) -> bool {
    chrono::NaiveDateTime::parse_from_str(text, MOMENT).is_ok()
}

/// The part of a name before the moment: that of the live database, and what this one is for.
pub(super) fn beginning(live: &Programs, what_for: &str) -> String {
    live.beside(what_for, "")
}

/// The same for a file.
pub(super) fn file_beginning(live: &Path, what_for: &str) -> PathBuf {
    sqlite::beside(live, &format!(".{what_for}_"))
}

impl Beside {
    /// An empty one for a restore, of which there is one at a time. The one before may have been in
    /// the same second, and what it kept stays: this one has the next second's names then.
    pub(crate) async fn make(target: &Source, now: DateTime<Utc>) -> Result<Self, RecoveryError> {
        let mut moment = now;
        loop {
            let named = Self::name(target, "restore", moment);
            if !named.is_taken().await? {
                return named.made().await;
            }
            moment += TimeDelta::seconds(1);
        }
    }

    /// Makes what was only named; a file is made when it is filled.
    pub(super) async fn made(self) -> Result<Self, RecoveryError> {
        if let Self::Postgres { live, new, .. } = &self {
            postgres::create_database(live, &new.database()).await?;
        }
        Ok(self)
    }

    async fn is_taken(&self) -> Result<bool, RecoveryError> {
        Ok(match self {
            Self::Postgres { live, new, old } => {
                postgres::exists(new).await? || postgres::exists(&live.of(old)).await?
            }
            Self::Sqlite { new, old, .. } => new.exists() || old.exists(),
        })
    }

    /// Where it will be.
    pub(super) fn name(target: &Source, what_for: &str, now: DateTime<Utc>) -> Self {
        let moment = now.format(MOMENT).to_string();
        match &target.kind {
            Kind::Postgres(live) => Self::Postgres {
                new: live.of(&(beginning(live, what_for) + &moment)),
                old: beginning(live, "before") + &moment,
                live: live.clone(),
            },
            Kind::Sqlite(live) => Self::Sqlite {
                new: sqlite::beside(&file_beginning(live, what_for), &moment),
                old: sqlite::beside(&file_beginning(live, "before"), &moment),
                live: live.clone(),
            },
        }
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Postgres { new, .. } => new.url().to_owned(),
            Self::Sqlite { new, .. } => format!("sqlite://{}", new.display()),
        }
    }

    /// Fills it with what `expected` was read from, and believes nothing that was not compared.
    pub(crate) async fn fill(
        &self,
        backup: &Backup,
        expected: &Manifest,
        stop: &Stop,
    ) -> Result<(), RecoveryError> {
        let (backup, expected, stop) = (backup.clone(), expected.clone(), stop.clone());
        match self {
            Self::Postgres { new, .. } => {
                let new = new.clone();
                let work = move || {
                    // What the server was told is done: not a word before all was compared.
                    let backup = backup.held(&expected, &stop)?;
                    let mut reader = backup.reader()?;
                    let loaded = postgres::load(&new, &mut reader, &stop);
                    backup.judged(reader, loaded).map(drop)
                };
                joined(spawn_blocking(work).await)
            }
            Self::Sqlite { new, .. } => {
                let new = new.clone();
                let work = move || {
                    let mut options = OpenOptions::new();
                    let options = options.write(true).create_new(true).mode(0o600);
                    let file = options.open(&new).map_err(|error| unusable(&new, error))?;
                    let mut file = BufWriter::new(file);
                    let found = backup.pass(&mut file, &stop)?;
                    backup.expected(&found, &expected)?;
                    let file = file.into_inner();
                    let file = file.map_err(|error| unusable(&new, error.into_error()))?;
                    file.sync_all().map_err(|error| unusable(&new, error))
                };
                joined(spawn_blocking(work).await)
            }
        }
    }

    /// Whether every table has what the manifest says.
    pub(crate) async fn compare(
        &self,
        manifest: &Manifest,
        stop: &Stop,
    ) -> Result<(), RecoveryError> {
        let found = match self {
            Self::Postgres { new, .. } => {
                let (new, stop) = (new.clone(), stop.clone());
                joined(spawn_blocking(move || postgres::summaries(&new, &stop)).await)?
            }
            Self::Sqlite { new, .. } => {
                sqlite::check(new).await?;
                sqlite::summaries(new, stop).await?
            }
        };
        let names = manifest.tables.keys().chain(found.keys());
        let differs = names
            .into_iter()
            .find(|name| manifest.tables.get(*name) != found.get(*name));
        let rows = |of: &std::collections::BTreeMap<String, crate::format::TableSummary>,
                    name: &str| { of.get(name).map_or(0, |table| table.rows) };
        match differs {
            None => Ok(()),
            Some(name) => Err(RecoveryError::Differs {
                table: name.clone(),
                found: rows(&found, name),
                expected: rows(&manifest.tables, name),
            }),
        }
    }

    /// Runs statements of this crate's on it, all or none.
    pub(crate) async fn forget(&self, statements: &str) -> Result<(), RecoveryError> {
        match self {
            Self::Postgres { new, .. } => postgres::run_on(new, statements).await,
            Self::Sqlite { new, .. } => sqlite::run_on(new, statements).await,
        }
    }

    /// Gives it what the server knows of the live one beside its content; returns the statements
    /// that this user may not run.
    pub(crate) async fn liken(&self) -> Result<Vec<String>, RecoveryError> {
        match self {
            Self::Postgres { live, new, .. } => {
                postgres::liken(live, &live.database(), &new.database()).await
            }
            Self::Sqlite { .. } => Ok(Vec::new()),
        }
    }

    /// It takes the live one's place, which is kept under the name that comes back.
    pub(crate) async fn switch(&self) -> Result<Option<String>, RecoveryError> {
        match self {
            Self::Postgres { live, new, old, .. } => {
                let name = live.database();
                if postgres::exists(live).await? {
                    postgres::switch(live, &new.database(), &name, old).await?;
                    return Ok(Some(old.clone()));
                }
                postgres::rename(live, &new.database(), &name).await?;
                Ok(None)
            }
            Self::Sqlite { live, new, old, .. } => {
                sqlite::rest(new).await?;
                if live.exists() {
                    sqlite::rest(live).await?;
                }
                switch_files(live, new, old)
            }
        }
    }

    /// Removes it; what cannot be removed lies there under a name that says what it is.
    pub(crate) async fn discard(&self) {
        match self {
            Self::Postgres { live, new, .. } => {
                if let Err(error) = postgres::drop_database(live, &new.database()).await {
                    let database = new.database();
                    tracing::warn!(%error, database, "what was restored half is still there; drop it");
                }
            }
            Self::Sqlite { new, .. } => remove_file(new),
        }
    }
}

/// A database's file and what SQLite keeps beside it.
pub(super) fn remove_file(path: &Path) {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let _ = fs::remove_file(sqlite::beside(path, suffix));
    }
}

/// Each of them is its file alone by now: whatever moment a process is killed at, the live name has
/// the whole of the one or of the other.
fn switch_files(live: &Path, new: &Path, old: &Path) -> Result<Option<String>, RecoveryError> {
    let fault = |error| unusable(live, error);
    let is_there = live.try_exists().map_err(fault)?;
    if is_there {
        fs::hard_link(live, old).map_err(fault)?;
    }
    // Logs are empty, or of a file that is gone: SQLite would take them for the new one's.
    for suffix in ["-wal", "-shm", "-journal"] {
        let from = sqlite::beside(live, suffix);
        match fs::metadata(&from) {
            Ok(told) if told.len() > 0 && suffix != "-shm" => {
                fs::rename(&from, sqlite::beside(old, suffix)).map_err(fault)?;
            }
            Ok(_) => fs::remove_file(&from).map_err(fault)?,
            Err(_) => {}
        }
    }
    fs::rename(new, live).map_err(fault)?;
    File::open(sqlite::directory(live))
        .and_then(|directory| directory.sync_all())
        .map_err(fault)?;
    Ok(is_there.then(|| old.display().to_string()))
}
