//! A database that was restored by other means: its server's own, or the tools that read a backup.

use saas_domain::{Clock, Random};

use super::{begin_anew, rebuilt};
use crate::{
    RecoveryError, postgres,
    source::{Kind, Source},
    sqlite,
};

/// Does what a restore by [`super::restore()`] does at its end: applies missing migrations, forgets
/// what running processes make anew, begins a new history and ends all sessions. Returns the names of
/// the migrations.
///
/// # Errors
/// When somebody uses the database, or it is none of the platform's.
pub async fn restored(
    target: &Source,
    clock: &Clock,
    random: &Random,
) -> Result<Vec<String>, RecoveryError> {
    let url = target.url();
    let history = saas_migration::status(&url).await?;
    if !history.iter().any(|migration| migration.is_applied) {
        return Err(RecoveryError::Empty);
    }
    if let Kind::Postgres(server) = &target.kind {
        let connections = postgres::connected(server).await?;
        if connections > 0 {
            return Err(RecoveryError::InUse(connections));
        }
    }
    let migrated = saas_migration::up(&url).await?;
    match &target.kind {
        Kind::Postgres(server) => postgres::run_on(server, &rebuilt()).await?,
        Kind::Sqlite(file) => sqlite::run_on(file, &rebuilt()).await?,
    }
    begin_anew(&url, clock, random).await?;
    Ok(migrated)
}
