//! Settings of backups.

use std::path::{Path, PathBuf};

use crate::{ConfigError, Secret, sources::Resolved};

/// Where backups lie, how they are made, and for how long they are kept.
#[derive(Clone, Debug)]
pub struct BackupSettings {
    /// `BACKUP_DIR`.
    pub directory: PathBuf,
    /// `BACKUP_COMPRESSION`: gzip instead of zstd.
    pub is_gzip: bool,
    /// `BACKUP_RECIPIENTS`, each as it was written.
    pub recipients: Vec<String>,
    /// `BACKUP_IDENTITY`.
    pub identity: Option<Secret>,
    /// `BACKUP_RETENTION_DAYS`.
    pub retention_days: u32,
}

impl BackupSettings {
    pub(crate) fn read(from: &Resolved, data_dir: &Path) -> Result<Self, ConfigError> {
        let is_gzip = from.read("BACKUP_COMPRESSION", |text| match text.trim() {
            "zstd" => Ok(false),
            "gzip" => Ok(true),
            _ => Err("expected one of zstd, gzip".to_owned()),
        })?;
        let directory = from.text("BACKUP_DIR").map(PathBuf::from);
        Ok(Self {
            directory: directory.unwrap_or_else(|| data_dir.join("backups")),
            is_gzip: is_gzip.unwrap_or_default(),
            recipients: list(from.text("BACKUP_RECIPIENTS").unwrap_or_default()),
            identity: from.secret("BACKUP_IDENTITY"),
            retention_days: from.number("BACKUP_RETENTION_DAYS", 1, 36_500)?,
        })
    }
}

fn list(text: &str) -> Vec<String> {
    let items = text.split(',').map(str::trim);
    let items = items.filter(|item| !item.is_empty());
    items.map(str::to_owned).collect()
}
