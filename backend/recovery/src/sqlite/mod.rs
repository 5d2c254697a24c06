//! SQLite: a copy of the file at one moment.

mod rest;

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use ring::digest::{Context, SHA256};
use rustix::fs::{FlockOperation, flock};
use saas_domain::Clock;
use sqlx::{
    AssertSqlSafe, Connection as _, Row as _, Sqlite, SqliteConnection, TypeInfo as _, Value as _,
    ValueRef as _, sqlite::SqliteConnectOptions,
};

use crate::{
    RecoveryError,
    facts::Facts,
    format::{RowDigest, TableSummary},
    stop::Stop,
};

pub(crate) use rest::rest;

pub(crate) const TABLE_NAMES: &str = "SELECT name FROM sqlite_schema \
    WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";

/// A copy of the database, gone with this.
pub(crate) struct Copy {
    file: Scratch,
    pub(crate) facts: Facts,
    pub(crate) tables: BTreeMap<String, TableSummary>,
}

impl Copy {
    /// Copies the database as it is at this moment. Whoever writes meanwhile is not held up.
    ///
    /// # Errors
    /// When it cannot be read, or there is no room for it in `beside`.
    pub(crate) async fn make(
        file: &Path,
        beside: &Path,
        clock: &Clock,
        stop: &Stop,
    ) -> Result<Self, RecoveryError> {
        let taken_at = clock.now();
        let scratch = Scratch::make(beside, taken_at)?;
        let mut from = connect(file).await?;
        sqlx::query("VACUUM INTO ?")
            .bind(scratch.path.to_string_lossy().into_owned())
            .execute(&mut from)
            .await
            .map_err(RecoveryError::Database)?;
        let _ = from.close().await;
        Ok(Self {
            facts: facts(&scratch.path, taken_at).await?,
            tables: summaries(&scratch.path, stop).await?,
            file: scratch,
        })
    }

    /// Its address as a database.
    pub(crate) fn url(&self) -> String {
        format!("sqlite://{}", self.file.path.display())
    }

    pub(crate) fn open(&self) -> Result<File, RecoveryError> {
        let path = &self.file.path;
        File::open(path).map_err(|source| unusable(path, source))
    }
}

/// A file of this process's own, gone with this.
struct Scratch {
    path: PathBuf,
    _lock: File,
}

impl Scratch {
    fn make(beside: &Path, now: DateTime<Utc>) -> Result<Self, RecoveryError> {
        let (process, moment) = (std::process::id(), now.timestamp_micros());
        let path = beside.join(format!(".saas_copy_{process}_{moment}.partial"));
        // Made first, so that nobody else may ever read it; locked, so that it is known to be in use.
        let mut options = OpenOptions::new();
        let options = options.write(true).create_new(true).mode(0o600);
        let lock = options.open(&path).and_then(|file| {
            flock(&file, FlockOperation::NonBlockingLockExclusive)?;
            Ok(file)
        });
        match lock {
            Ok(lock) => Ok(Self { path, _lock: lock }),
            Err(source) => Err(unusable(&path, source)),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
        // Of who was stopped while changing it.
        let _ = fs::remove_file(self.path.with_extension("partial-journal"));
    }
}

pub(crate) fn unusable(path: &Path, source: io::Error) -> RecoveryError {
    RecoveryError::File {
        path: path.to_owned(),
        source,
    }
}

/// The directory of a file, also of one that is named without.
pub(crate) fn directory(file: &Path) -> &Path {
    match file.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    }
}

/// The path of a file that SQLite keeps beside this one.
pub(crate) fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut path = file.to_owned().into_os_string();
    path.push(suffix);
    PathBuf::from(path)
}

async fn connect(file: &Path) -> Result<SqliteConnection, RecoveryError> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(false);
    let connected = SqliteConnection::connect_with(&options).await;
    connected.map_err(RecoveryError::Database)
}

/// Runs statements of this crate's on a file, all or none.
///
/// # Errors
/// [`RecoveryError::Database`].
pub(crate) async fn run_on(file: &Path, statements: &str) -> Result<(), RecoveryError> {
    let mut connection = connect(file).await?;
    let whole = format!("BEGIN; {statements} COMMIT");
    let done = sqlx::raw_sql(AssertSqlSafe(whole))
        .execute(&mut connection)
        .await;
    let _ = connection.close().await;
    done.map(drop).map_err(RecoveryError::Database)
}

/// What the database in this file, of this moment, says of itself.
///
/// # Errors
/// When it is none of the platform's.
pub(crate) async fn facts(file: &Path, taken_at: DateTime<Utc>) -> Result<Facts, RecoveryError> {
    let mut connection = connect(file).await?;
    let read = async {
        let server: String = sqlx::query_scalar("SELECT sqlite_version()")
            .fetch_one(&mut connection)
            .await?;
        Facts::read::<Sqlite>(&mut connection, server, taken_at).await
    };
    let facts = read.await.map_err(RecoveryError::Database);
    let _ = connection.close().await;
    facts
}

/// The first column of what a statement of this crate's finds; `None` if there is no such file.
///
/// # Errors
/// [`RecoveryError::Database`] when it is no database.
pub(crate) async fn texts(
    file: &Path,
    statement: &str,
) -> Result<Option<Vec<String>>, RecoveryError> {
    if !file.exists() {
        return Ok(None);
    }
    let mut connection = connect(file).await?;
    let texts = sqlx::query_scalar(AssertSqlSafe(statement.to_owned()))
        .fetch_all(&mut connection)
        .await;
    let _ = connection.close().await;
    texts.map(Some).map_err(RecoveryError::Database)
}

/// The rows of each table of this file.
///
/// # Errors
/// When it cannot be read.
pub(crate) async fn summaries(
    file: &Path,
    stop: &Stop,
) -> Result<BTreeMap<String, TableSummary>, RecoveryError> {
    use futures_util::TryStreamExt as _;
    let mut connection = connect(file).await?;
    let names: Vec<String> = sqlx::query_scalar(TABLE_NAMES)
        .fetch_all(&mut connection)
        .await
        .map_err(RecoveryError::Database)?;
    let mut tables = BTreeMap::new();
    for name in names {
        let mut digest = RowDigest::default();
        let sql = format!("SELECT * FROM \"{}\"", name.replace('"', "\"\""));
        let mut rows = sqlx::query(AssertSqlSafe(sql)).fetch(&mut connection);
        while let Some(row) = rows.try_next().await.map_err(RecoveryError::Database)? {
            stop.check()?;
            digest.add(row_digest(&row).map_err(RecoveryError::Database)?);
        }
        drop(rows);
        tables.insert(name, digest.summary());
    }
    let _ = connection.close().await;
    Ok(tables)
}

/// Each value with its kind and length before it, so that no two rows have the same bytes.
fn row_digest(row: &sqlx::sqlite::SqliteRow) -> Result<Context, sqlx::Error> {
    let mut context = Context::new(&SHA256);
    for column in 0..row.len() {
        let value = row.try_get_raw(column)?;
        if value.is_null() {
            context.update(b"n");
            continue;
        }
        let value = value.to_owned();
        let (kind, bytes): (u8, Vec<u8>) = match value.type_info().name() {
            "INTEGER" | "BOOLEAN" => (
                b'i',
                value.try_decode_unchecked::<i64>()?.to_be_bytes().into(),
            ),
            "REAL" => (
                b'r',
                value.try_decode_unchecked::<f64>()?.to_be_bytes().into(),
            ),
            "TEXT" | "DATETIME" | "DATE" | "TIME" => {
                (b't', value.try_decode_unchecked::<String>()?.into_bytes())
            }
            _ => (b'b', value.try_decode_unchecked::<Vec<u8>>()?),
        };
        context.update(&[kind]);
        context.update(&(bytes.len() as u64).to_be_bytes());
        context.update(&bytes);
    }
    Ok(context)
}

/// Whether there is room for a database of this many bytes beside this one.
///
/// # Errors
/// [`RecoveryError::NoRoom`].
pub(crate) fn room_for(file: &Path, bytes: u64) -> Result<(), RecoveryError> {
    let directory = directory(file);
    let Ok(told) = rustix::fs::statvfs(directory) else {
        return Ok(());
    };
    let free = told.f_bavail.saturating_mul(told.f_frsize);
    if free < bytes {
        return Err(RecoveryError::NoRoom {
            path: directory.to_owned(),
            free,
            bytes,
        });
    }
    Ok(())
}

/// Whether SQLite finds the file sound.
///
/// # Errors
/// When it does not, or cannot read it.
pub(crate) async fn check(file: &Path) -> Result<(), RecoveryError> {
    let mut connection = connect(file).await?;
    let told: Result<String, _> = sqlx::query_scalar("PRAGMA quick_check(1)")
        .fetch_one(&mut connection)
        .await;
    let _ = connection.close().await;
    match told {
        Ok(told) if told == "ok" => Ok(()),
        Ok(told) => Err(unusable(file, io::Error::other(told))),
        Err(error) => Err(RecoveryError::Database(error)),
    }
}
