//! What may speak against a restore, looked at before anything is touched.

use saas_security::FileSeal;
use tokio::task::spawn_blocking;

use crate::{
    RecoveryError,
    format::{Engine, Manifest},
    postgres,
    source::{Kind, Source},
    sqlite,
    stop::Stop,
    verify::Backup,
};

/// What somebody said is meant.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowed {
    /// The database that is there may be replaced, and who is connected to it be sent away.
    pub replace: bool,
    /// The seal may be of another `SECRET_KEY`.
    pub any_seal: bool,
}

/// What a restore would do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the backup says of itself; everything in it was compared.
    pub manifest: Manifest,
    /// Whether a database is there that would be replaced.
    pub replaces: bool,
    /// How many are connected to it; 0 with SQLite, which has no server to count them.
    pub connections: i64,
    /// Migrations of this version that the backup does not have.
    pub pending: Vec<String>,
}

/// Looks at the backup and the place where it is to go. Changes nothing.
///
/// # Errors
/// One sentence for what speaks against it, with what to do instead.
pub async fn plan(
    backup: &Backup,
    target: &Source,
    allowed: Allowed,
    seal: &FileSeal,
    stop: &Stop,
) -> Result<Plan, RecoveryError> {
    let (manifest, pending) = sound(backup, target, allowed, seal, stop).await?;
    let replaces = match &target.kind {
        Kind::Postgres(server) => postgres::exists(server).await?,
        Kind::Sqlite(file) => file.exists(),
    };
    let connections = match &target.kind {
        Kind::Postgres(server) if replaces => postgres::connected(server).await?,
        _ => 0,
    };
    if replaces && !allowed.replace {
        return Err(RecoveryError::Live { connections });
    }
    Ok(Plan {
        manifest,
        replaces,
        connections,
        pending,
    })
}

/// Reads the backup to its end and looks whether it can lie beside this database: what it says of
/// itself, and the migrations it does not have.
///
/// # Errors
/// One sentence for what speaks against it, with what to do instead.
pub(crate) async fn sound(
    backup: &Backup,
    target: &Source,
    allowed: Allowed,
    seal: &FileSeal,
    stop: &Stop,
) -> Result<(Manifest, Vec<String>), RecoveryError> {
    let manifest = {
        let (backup, stop) = (backup.clone(), stop.clone());
        let work = spawn_blocking(move || backup.verify(&stop));
        crate::create::joined(work.await)?
    };
    if !allowed.any_seal && !manifest.is_sealed(seal) {
        return Err(RecoveryError::Seal(backup.told.clone()));
    }
    if manifest.engine != target.engine() {
        return Err(match manifest.engine {
            Engine::Sqlite => RecoveryError::SqliteIntoPostgres,
            Engine::Postgres => RecoveryError::PostgresIntoSqlite,
        });
    }
    let known = saas_migration::known();
    let unknown = manifest.migrations.iter().find(|one| !known.contains(one));
    if let Some(unknown) = unknown {
        return Err(RecoveryError::NewerSchema {
            revision: unknown.clone(),
            platform: manifest.platform,
        });
    }
    let pending = known
        .into_iter()
        .filter(|one| !manifest.migrations.contains(one));
    let pending = pending.collect();
    if let Kind::Sqlite(file) = &target.kind {
        sqlite::room_for(file, manifest.content.bytes)?;
    }
    Ok((manifest, pending))
}
