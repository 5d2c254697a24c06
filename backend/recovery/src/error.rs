//! Why a backup or a restore did not come about.

use std::{io, path::PathBuf};

use crate::{format::FormatError, place::PlaceError};

/// Why a backup or a restore did not come about. Nothing was changed where it does not say so.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The address of the database is none.
    #[error("DATABASE_URL is not an address of PostgreSQL or SQLite")]
    Address,
    /// The database does not answer, or refused.
    #[error("the database cannot be read: {0}")]
    Database(#[source] sqlx::Error),
    /// The schema could not be brought to this version.
    #[error(transparent)]
    Migration(#[from] saas_migration::MigrationError),
    /// The database does not answer, or refused.
    #[error(transparent)]
    Storage(#[from] saas_storage::StorageError),
    /// One of PostgreSQL's own programs is not here.
    #[error(
        "`{0}` is not on this machine; install PostgreSQL's client programs, of the server's version or newer"
    )]
    NoProgram(&'static str),
    /// One of them failed.
    #[error("`{program}` failed: {told}")]
    Program {
        /// Which.
        program: &'static str,
        /// What it said last.
        told: String,
    },
    /// Where backups lie cannot be used.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// It is no backup that can be used.
    #[error("{}: {source}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: FormatError,
    },
    /// What it says of itself cannot be read without decrypting all of it.
    #[error("encrypted; `saas backup verify` reads it")]
    Encrypted,
    /// It is encrypted, and there is no key.
    #[error("{} is encrypted; set BACKUP_IDENTITY (or BACKUP_IDENTITY_FILE) to the secret key, AGE-SECRET-KEY-1…", .0.display())]
    NoIdentity(PathBuf),
    /// It is encrypted, and cannot be decrypted.
    #[error("{}: {source}", path.display())]
    Encryption {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: crate::age::AgeError,
    },
    /// A file cannot be read or written.
    #[error("{} cannot be used: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file has another name than backups have.
    #[error("{} {source}; name a file that `saas backup create` made", path.display())]
    Name {
        /// The file.
        path: PathBuf,
        /// What names are like.
        source: crate::format::NoBackupName,
    },
    /// What was read back is not what was saved.
    #[error(
        "the table {table} was restored with {found} rows, and its backup has {expected}, or they differ; nothing was switched, the database as it was goes on"
    )]
    Differs {
        /// Which.
        table: String,
        /// Rows that are there.
        found: u64,
        /// Rows in the manifest.
        expected: u64,
    },
    /// Somebody else's seal, or none.
    #[error("{} was not sealed by this platform: its manifest was altered, or SECRET_KEY is another one now; set SECRET_KEY_PREVIOUS to the one of that time, or give --any-seal to restore it all the same", .0.display())]
    Seal(PathBuf),
    /// Another kind of database.
    #[error(
        "the backup is of SQLite and DATABASE_URL names PostgreSQL; restore it into SQLite, then move it over with `saas migrate copy`"
    )]
    SqliteIntoPostgres,
    /// Another kind of database.
    #[error(
        "the backup is of PostgreSQL and DATABASE_URL names SQLite, which holds no such dump; set DATABASE_URL to a PostgreSQL server"
    )]
    PostgresIntoSqlite,
    /// A newer version made it.
    #[error(
        "the backup has the migration {revision}, which this version of the platform does not know; restore it with version {platform} or newer"
    )]
    NewerSchema {
        /// The first that is not known.
        revision: String,
        /// The version that made the backup.
        platform: String,
    },
    /// There is a database already.
    #[error(
        "there is a database already, with {connections} connections; stop what uses it and give --replace, by which it is kept beside the new one, or set DATABASE_URL to another place"
    )]
    Live {
        /// How many.
        connections: i64,
    },
    /// Several of the same second.
    #[error("too many drills were begun at once; try again in some seconds")]
    Crowded,
    /// It does not fit.
    #[error("{} has {free} bytes free, and the database needs {bytes}; make room or set DATA_DIR to another place", path.display())]
    NoRoom {
        /// Where.
        path: PathBuf,
        /// Bytes that are free.
        free: u64,
        /// Bytes that are needed.
        bytes: u64,
    },
    /// What the backup comes from broke off.
    #[error("reading failed: {0}")]
    Read(#[source] io::Error),
    /// Where it goes broke off.
    #[error("writing failed: {0}; nothing was left behind")]
    Write(#[source] io::Error),
    /// It was told to stop.
    #[error("stopped; nothing was left behind")]
    Stopped,
}
