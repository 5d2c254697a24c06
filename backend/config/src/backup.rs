//! Settings of backups.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    ConfigError, Secret, sources::Resolved, validate::is_plain_http_elsewhere, vault::place,
};

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
    /// `BACKUP_KEEP_DAILY`.
    pub keep_daily: u32,
    /// `BACKUP_KEEP_WEEKLY`.
    pub keep_weekly: u32,
    /// `BACKUP_KEEP_MONTHLY`.
    pub keep_monthly: u32,
    /// Where copies go, if there are any.
    pub s3: Option<S3Settings>,
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

/// S3-compatible storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Settings {
    /// `BACKUP_S3_BUCKET`.
    pub bucket: String,
    /// `BACKUP_S3_PREFIX`, without slashes around it.
    pub prefix: Option<String>,
    /// `BACKUP_S3_ENDPOINT` as `scheme://host[:port]`.
    pub endpoint: Option<String>,
    /// `BACKUP_S3_REGION`.
    pub region: String,
    /// `BACKUP_S3_ACCESS_KEY_ID`.
    pub access_key_id: Secret,
    /// `BACKUP_S3_SECRET_ACCESS_KEY`.
    pub secret_access_key: Secret,
    /// `BACKUP_S3_PART_SIZE_MIB`.
    pub part_bytes: u64,
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
            keep_daily: from.number("BACKUP_KEEP_DAILY", 0, 36_500)?,
            keep_weekly: from.number("BACKUP_KEEP_WEEKLY", 0, 5200)?,
            keep_monthly: from.number("BACKUP_KEEP_MONTHLY", 0, 1200)?,
            s3: S3Settings::read(from)?,
            schedule: schedule(from, "BACKUP_SCHEDULE"),
            drill_schedule: schedule(from, "BACKUP_DRILL_SCHEDULE"),
            on_success: from.read("BACKUP_ON_SUCCESS", hook)?,
            on_failure: from.read("BACKUP_ON_FAILURE", hook)?,
            recovery_time: from.duration("RECOVERY_TIME_OBJECTIVE_SECONDS", 1, 1, YEAR)?,
            recovery_point: from.duration("RECOVERY_POINT_OBJECTIVE_SECONDS", 1, 1, YEAR)?,
        })
    }
}

impl S3Settings {
    fn read(from: &Resolved) -> Result<Option<Self>, ConfigError> {
        let Some(bucket) = from.read("BACKUP_S3_BUCKET", bucket)? else {
            return match OF_A_BUCKET.iter().find(|name| from.text(name).is_some()) {
                None => Ok(None),
                Some(_) => Err(ConfigError::Missing {
                    name: "BACKUP_S3_BUCKET",
                    remedy: "other settings BACKUP_S3_… are, which are of no use without; set it to the bucket's name, or unset them",
                }),
            };
        };
        let key = |name, remedy| {
            let found = from.read(name, credential)?;
            found.ok_or(ConfigError::Missing { name, remedy })
        };
        let mebibytes: u64 = from.number("BACKUP_S3_PART_SIZE_MIB", 5, 1024)?;
        Ok(Some(Self {
            bucket,
            prefix: place(from, "BACKUP_S3_PREFIX")?,
            endpoint: endpoint(from)?,
            region: from
                .read("BACKUP_S3_REGION", region)?
                .unwrap_or_else(|| "us-east-1".to_owned()),
            access_key_id: key(
                "BACKUP_S3_ACCESS_KEY_ID",
                "BACKUP_S3_BUCKET is of no use without; set it to the name of a key that may use the bucket",
            )?,
            secret_access_key: key(
                "BACKUP_S3_SECRET_ACCESS_KEY",
                "BACKUP_S3_BUCKET is of no use without; set it to the secret that belongs to BACKUP_S3_ACCESS_KEY_ID",
            )?,
            part_bytes: mebibytes << 20,
        }))
    }
}

/// What means nothing without a bucket, and has no default.
const OF_A_BUCKET: [&str; 4] = [
    "BACKUP_S3_PREFIX",
    "BACKUP_S3_ENDPOINT",
    "BACKUP_S3_ACCESS_KEY_ID",
    "BACKUP_S3_SECRET_ACCESS_KEY",
];

fn endpoint(from: &Resolved) -> Result<Option<String>, ConfigError> {
    let endpoint = from.origin_url("BACKUP_S3_ENDPOINT")?;
    let is_open = endpoint.as_deref().is_some_and(is_plain_http_elsewhere);
    if is_open && from.environment()?.is_production() {
        return Err(ConfigError::Unsafe {
            name: "BACKUP_S3_ENDPOINT",
            reason:
                "is plain http to another machine, so that every backup would travel in the clear"
                    .to_owned(),
            remedy: "set it to an https:// address, with TLS_CA_FILE for an authority of your own",
        });
    }
    Ok(endpoint)
}

fn bucket(text: &str) -> Result<String, String> {
    let text = text.trim();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let ends = |letter: char| letter.is_ascii_alphanumeric();
    let is_sound = (3..=63).contains(&text.len())
        && text.bytes().all(is_plain)
        && text.starts_with(ends)
        && text.ends_with(ends);
    is_sound.then(|| text.to_owned()).ok_or_else(|| {
        "expected a bucket's name, of 3 to 63 letters, digits, `-` and `.`".to_owned()
    })
}

fn region(text: &str) -> Result<String, String> {
    let text = text.trim();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let is_sound = !text.is_empty() && text.bytes().all(is_plain);
    is_sound
        .then(|| text.to_owned())
        .ok_or_else(|| "expected a region such as `eu-central-1`".to_owned())
}

/// It travels in a header, and holds no spaces.
fn credential(text: &str) -> Result<Secret, String> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(Secret::new(text));
    }
    Err("expected one word of letters, digits and signs, as the storage gave it out".to_owned())
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
