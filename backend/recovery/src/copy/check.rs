//! What may speak against a copy.

use saas_migration::TABLES;
use saas_storage::{SystemTx, rows, rows::Whose};

use crate::{
    RecoveryError,
    facts::{not_newer, this_version},
    postgres,
    source::{Kind, MIGRATIONS, Source},
    sqlite,
};

/// How every process of the platform calls itself to the server.
const PLATFORM: &str = "saas";

/// Whether this is a platform's database of this version, that nobody uses.
pub(super) async fn source(from: &Source) -> Result<(), RecoveryError> {
    let facts = from.facts().await?;
    this_version(&facts.migrations, "the source")?;
    if let Kind::Postgres(server) = &from.kind {
        let processes = postgres::connected_as(server, PLATFORM).await?;
        if processes > 0 {
            return Err(RecoveryError::SourceInUse(processes));
        }
    }
    Ok(())
}

/// Whether the target may be filled, and whether it has to be made.
pub(super) async fn target(to: &Source, from: &Source) -> Result<bool, RecoveryError> {
    if let (Kind::Sqlite(to), Kind::Sqlite(from)) = (&to.kind, &from.kind) {
        let bytes = from.metadata().map_or(0, |told| told.len());
        sqlite::room_for(to, bytes)?;
    }
    let Some(tables) = to.tables().await? else {
        return Ok(true);
    };
    let is_ours = |name: &str| name == MIGRATIONS || TABLES.iter().any(|(known, _)| *known == name);
    if let Some(other) = tables.iter().find(|name| !is_ours(name)) {
        return Err(RecoveryError::TargetNotEmpty(other.clone()));
    }
    not_newer(&to.migrations().await?.unwrap_or_default(), "the target")?;
    for table in tables.iter().filter(|name| *name != MIGRATIONS) {
        let any = format!("SELECT 'a row' FROM {table} LIMIT 1");
        if to.texts(&any).await?.is_some_and(|rows| !rows.is_empty()) {
            return Err(RecoveryError::TargetNotEmpty(table.clone()));
        }
    }
    Ok(false)
}

/// The same once more, where nobody can come between.
pub(super) async fn is_empty(to: &SystemTx) -> Result<(), RecoveryError> {
    for (name, _) in TABLES {
        let table = rows::table(to, name).await?;
        if rows::count(to, &table, Whose::Everybodys).await? > 0 {
            return Err(RecoveryError::TargetNotEmpty(name.to_owned()));
        }
    }
    Ok(())
}
