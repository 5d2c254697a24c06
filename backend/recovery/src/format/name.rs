//! The names of backups.

use std::{fmt, str::FromStr};

use chrono::{DateTime, NaiveDateTime, Utc};

use super::{Compression, Engine};

const PREFIX: &str = "saas_backup_";
const MOMENT: &str = "%Y%m%d_%H%M%S";

/// `saas_backup_YYYYMMDD_HHMMSS.sql.zst`: when it was taken (UTC), what is inside, and how it is
/// wrapped. Names sort as the backups' times do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupName {
    /// When it was begun, to the second.
    pub taken_at: DateTime<Utc>,
    /// Of which database.
    pub engine: Engine,
    /// How it is compressed.
    pub compression: Compression,
    /// Whether age encrypts it (`.age`).
    pub is_encrypted: bool,
}

impl fmt::Display for BackupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = self.taken_at.format(MOMENT);
        let (inside, wrapped) = (self.engine.suffix(), self.compression.suffix());
        let age = if self.is_encrypted { ".age" } else { "" };
        write!(f, "{PREFIX}{moment}.{inside}.{wrapped}{age}")
    }
}

/// It is not the name of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not called saas_backup_YYYYMMDD_HHMMSS with .sql or .db, .zst or .gz, and perhaps .age"
)]
pub struct NoBackupName;

impl FromStr for BackupName {
    type Err = NoBackupName;

    fn from_str(text: &str) -> Result<Self, NoBackupName> {
        let rest = text.strip_prefix(PREFIX).ok_or(NoBackupName)?;
        let mut parts = rest.split('.');
        let moment = parts.next().filter(|moment| moment.len() == 15);
        let moment = NaiveDateTime::parse_from_str(moment.ok_or(NoBackupName)?, MOMENT);
        let engine = match parts.next() {
            Some("sql") => Engine::Postgres,
            Some("db") => Engine::Sqlite,
            _ => return Err(NoBackupName),
        };
        let compression = match parts.next() {
            Some("zst") => Compression::Zstd,
            Some("gz") => Compression::Gzip,
            _ => return Err(NoBackupName),
        };
        let is_encrypted = match (parts.next(), parts.next()) {
            (None, None) => false,
            (Some("age"), None) => true,
            _ => return Err(NoBackupName),
        };
        Ok(Self {
            taken_at: moment.map_err(|_| NoBackupName)?.and_utc(),
            engine,
            compression,
            is_encrypted,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for name in [
            "saas_backup_20260102_030405.sql.zst",
            "saas_backup_20260102_030405.sql.gz.age",
            "saas_backup_20260102_030405.db.gz",
        ] {
            assert_eq!(name.parse::<BackupName>().unwrap().to_string(), name);
        }
        for other in [
            "saas_backup_20260102_030405.sql",
            "saas_backup_20260102_030405.sql.zst.partial",
            "saas_backup_20261302_030405.sql.zst",
            "saas_backup_2026012_030405.sql.zst",
            ".saas_backup_20260102_030405.sql.zst",
            "notes.txt",
        ] {
            assert_eq!(other.parse::<BackupName>(), Err(NoBackupName), "{other}");
        }
    }
}
