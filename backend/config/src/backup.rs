//! Settings of backups.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{ConfigError, Secret, sources::Resolved};

const YEAR: u64 = 366 * 24 * 60 * 60;

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
    /// `RECOVERY_TIME_OBJECTIVE_SECONDS`.
    pub recovery_time: Duration,
    /// `RECOVERY_POINT_OBJECTIVE_SECONDS`.
    pub recovery_point: Duration,
    /// `BACKUP_DRILL_SCHEDULE` as it was written; `None` for `off`.
    pub drill_schedule: Option<String>,
    /// `BACKUP_SCHEDULE` as it was written; `None` for `off`.
    pub schedule: Option<String>,
    /// `BACKUP_ON_SUCCESS`.
    pub on_success: Option<Hook>,
    /// `BACKUP_ON_FAILURE`.
    pub on_failure: Option<Hook>,
}

/// What hears of something.
#[derive(Clone, Debug)]
pub enum Hook {
    /// Who is sent it. The address may hold a token.
    Url(Secret),
    /// What is run.
    Program(PathBuf),
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
            schedule: schedule(from, "BACKUP_SCHEDULE"),
            drill_schedule: schedule(from, "BACKUP_DRILL_SCHEDULE"),
            on_success: from.read("BACKUP_ON_SUCCESS", hook)?,
            on_failure: from.read("BACKUP_ON_FAILURE", hook)?,
            recovery_time: from.duration("RECOVERY_TIME_OBJECTIVE_SECONDS", 1, 1, YEAR)?,
            recovery_point: from.duration("RECOVERY_POINT_OBJECTIVE_SECONDS", 1, 1, YEAR)?,
        })
    }
}

fn hook(text: &str) -> Result<Hook, String> {
    let text = text.trim();
    if text.starts_with('/') {
        return Ok(Hook::Program(PathBuf::from(text)));
    }
    let url = text.parse::<http::Uri>().ok();
    let scheme = url.as_ref().and_then(http::Uri::scheme_str);
    if matches!(scheme, Some("http" | "https")) {
        return Ok(Hook::Url(Secret::new(text)));
    }
    Err(
        "expected a URL that begins with https:// or http://, or the absolute path of a program"
            .to_owned(),
    )
}

fn schedule(from: &Resolved, name: &'static str) -> Option<String> {
    let text = from.text(name)?.trim();
    (!text.eq_ignore_ascii_case("off")).then(|| text.to_owned())
}

fn list(text: &str) -> Vec<String> {
    let items = text.split(',').map(str::trim);
    let items = items.filter(|item| !item.is_empty());
    items.map(str::to_owned).collect()
}
