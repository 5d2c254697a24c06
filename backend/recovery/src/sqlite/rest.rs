//! A database that is its file alone.

use std::{io, path::Path};

use sqlx::{Connection as _, Row as _};

use super::{beside, connect};
use crate::RecoveryError;

/// Brings everything that SQLite keeps beside the file into it, so that the file can be given another
/// name, or another file its name, in one step: a log of changes that stayed behind would be lost to
/// the one and be taken for the other's.
///
/// # Errors
/// [`RecoveryError::Restless`] when somebody uses it, or it is no database.
pub(crate) async fn rest(file: &Path) -> Result<(), RecoveryError> {
    let restless = |source| RecoveryError::Restless {
        path: file.to_owned(),
        source,
    };
    // What a transaction left half is taken back by the first look.
    let mut connection = connect(file).await?;
    let brought = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .fetch_one(&mut connection)
        .await
        .and_then(|row| row.try_get::<i64, _>(0));
    // Whoever closes last removes the log, which is empty.
    let _ = connection.close().await;
    match brought {
        Ok(0) => {}
        Ok(_) => return Err(restless(io::Error::other("somebody uses it"))),
        Err(error) => return Err(restless(io::Error::other(error))),
    }
    let lies = |suffix: &str| match beside(file, suffix).metadata() {
        Ok(told) => told.len() > 0,
        Err(_) => false,
    };
    match ["-wal", "-journal"].into_iter().find(|suffix| lies(suffix)) {
        None => Ok(()),
        Some(suffix) => Err(restless(io::Error::other(format!(
            "{} is still there",
            beside(file, suffix).display()
        )))),
    }
}
