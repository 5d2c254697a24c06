//! What a restore that was killed left behind, and how it is told from one that is under way.

use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use rustix::fs::{FlockOperation, flock};

use super::beside::{beginning, file_beginning, is_moment, remove_file};
use crate::{
    RecoveryError,
    postgres::{self, Held, Programs},
    source::{Kind, Source},
    sqlite::{directory, unusable},
};

const WHAT_FOR: &str = "restore";

/// One restore into a database at a time: it ends with the process, however that ends.
pub(crate) enum Hold {
    Postgres(Held),
    Sqlite { _directory: File },
}

impl Hold {
    /// Holds the database, and removes what earlier restores left beside it: whatever has such a
    /// name, nobody else is at work on.
    ///
    /// # Errors
    /// [`RecoveryError::UnderWay`] when another one holds it.
    pub(crate) async fn take(live: &Source) -> Result<Self, RecoveryError> {
        match &live.kind {
            Kind::Postgres(server) => {
                let held = Held::take(server, &beginning(server, WHAT_FOR)).await?;
                let held = held.ok_or(RecoveryError::UnderWay)?;
                sweep_databases(server).await;
                Ok(Self::Postgres(held))
            }
            Kind::Sqlite(file) => {
                let directory = directory(file);
                let opened = File::open(directory).map_err(|error| unusable(directory, error))?;
                // A lock of its own: the platform's is in DATA_DIR, where the file need not be.
                if flock(&opened, FlockOperation::NonBlockingLockExclusive).is_err() {
                    return Err(RecoveryError::UnderWay);
                }
                sweep_files(file);
                Ok(Self::Sqlite { _directory: opened })
            }
        }
    }

    /// Lets others.
    pub(crate) async fn release(self) {
        if let Self::Postgres(held) = self {
            held.release().await;
        }
    }
}

async fn sweep_databases(live: &Programs) {
    let beginning = beginning(live, WHAT_FOR);
    let is_left = |name: &str| name.strip_prefix(&beginning).is_some_and(is_moment);
    if let Err(error) = postgres::drop_abandoned(live, is_left).await {
        tracing::warn!(%error, beginning, "what a restore that was killed left is still there; drop it");
    }
}

fn sweep_files(live: &Path) {
    let Ok(entries) = fs::read_dir(directory(live)) else {
        return;
    };
    let [restored, kept] = [WHAT_FOR, "before"].map(|what_for| file_beginning(live, what_for));
    let live_one = identity(live);
    for entry in entries.flatten() {
        let path = entry.path();
        if is_named(&path, &restored) {
            remove_file(&path);
        }
        // Another name of the live one, given it by a restore that ended before the other had its.
        let is_live = live_one.is_some() && identity(&path) == live_one;
        if is_named(&path, &kept) && is_live {
            let _ = fs::remove_file(&path);
        }
    }
}

/// By what the system knows a file, whatever its name.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let told = fs::symlink_metadata(path).ok()?;
    Some((told.dev(), told.ino()))
}

fn is_named(path: &Path, beginning: &Path) -> bool {
    let name = |path: &Path| {
        path.file_name()
            .map(|name| name.to_string_lossy().into_owned())
    };
    let (Some(name), Some(beginning)) = (name(path), name(beginning)) else {
        return false;
    };
    name.strip_prefix(&beginning).is_some_and(is_moment)
}
