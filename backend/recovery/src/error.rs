//! Why a backup or a restore did not come about.

use std::{io, path::PathBuf};

use crate::{bucket::BucketError, format::FormatError, place::PlaceError};

/// How many are connected, where anybody is, as the end of a clause.
pub fn with_connections(connections: i64) -> String {
    match connections {
        0 => String::new(),
        1 => ", with 1 connection".to_owned(),
        many => format!(", with {many} connections"),
    }
}

/// Why a backup or a restore did not come about. Nothing was changed where it does not say so.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The address of the database is none.
    #[error("DATABASE_URL is not an address of PostgreSQL or SQLite")]
    Address,
    /// The database does not answer, or refused.
    #[error("the database cannot be read: {0}")]
    Database(#[source] sqlx::Error),
    /// The server refused something of what was to be restored.
    #[error("the backup cannot be loaded into the database: {0}")]
    Load(#[source] sqlx::Error),
    /// The schema could not be brought to this version.
    #[error(transparent)]
    Migration(#[from] saas_migration::MigrationError),
    /// The database does not answer, or refused.
    #[error(transparent)]
    Storage(#[from] saas_storage::StorageError),
    /// The user may not make databases.
    #[error(
        "the user {0} may not make databases on this server, and a backup is restored into one of its own first; let a superuser run: ALTER ROLE {0} CREATEDB;"
    )]
    NoCreateDb(String),
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
    /// Where copies of them lie cannot be used.
    #[error(transparent)]
    Bucket(Box<BucketError>),
    /// It was made, and not copied.
    #[error("the backup {} is made, but not copied to the bucket, which `saas backup upload` does once this is mended: {source}", path.display())]
    NotCopied {
        /// Where it is.
        path: PathBuf,
        /// Why not.
        source: Box<BucketError>,
    },
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
        "there is a database already{}; stop what uses it and give --replace, by which it is kept beside the new one, or set DATABASE_URL to another place",
        with_connections(*connections)
    )]
    Live {
        /// How many.
        connections: i64,
    },
    /// Who runs on it would go on with what it knows of the time before.
    #[error(
        "the database has {0} connections; stop core and registry, and whatever else uses it, before it begins anew"
    )]
    InUse(i64),
    /// It is none of the platform's.
    #[error("the database has nothing of the platform in it; set DATABASE_URL to the platform's")]
    Empty,
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
    /// There is nothing of the platform's.
    #[error(
        "there is no database of the platform there; check the address, and start the platform on it once"
    )]
    NoPlatform,
    /// Its schema is of an older version.
    #[error(
        "{which} has not the migration {revision} yet; run `saas migrate up` of this version on it first"
    )]
    OlderDatabase {
        /// Which database.
        which: &'static str,
        /// The first that is missing.
        revision: String,
    },
    /// Its schema is of a newer version.
    #[error(
        "{which} has the migration {revision}, which this version of the platform does not know; use that version's `saas`"
    )]
    NewerDatabase {
        /// Which database.
        which: &'static str,
        /// The first that is not known.
        revision: String,
    },
    /// The platform runs on what is to be copied.
    #[error(
        "the platform runs on the source, with {0} connections; what it writes from now on would be missing: stop it first"
    )]
    SourceInUse(i64),
    /// There is something in the database that is to be filled.
    #[error(
        "the target is not empty: there is something in `{0}`; name a database that is not there, or one that nobody used yet"
    )]
    TargetNotEmpty(String),
    /// A table has other columns on one side.
    #[error(
        "the table {0} has other columns there than here, though the migrations are the same; somebody changed it by hand"
    )]
    Columns(String),
    /// What was written is not what was read.
    #[error(
        "the table {table} arrived with {found} rows, and had {expected}, or they differ; nothing of it was kept"
    )]
    Miscopied {
        /// Which.
        table: &'static str,
        /// Rows that are there.
        found: u64,
        /// Rows that were read.
        expected: u64,
    },
    /// It is of another installation.
    #[error(
        "{} is a backup of another platform: of the installation {backup}, and the database is of {live}; nothing of it can be put in here", path.display()
    )]
    OtherPlatform {
        /// The file.
        path: PathBuf,
        /// Of which it is.
        backup: uuid::Uuid,
        /// Which the database is of.
        live: uuid::Uuid,
    },
    /// The tenant is not in the backup.
    #[error(
        "the backup of {taken_at} has no tenant `{wanted}`; name it by its identifier, or by the slug it had then, or take another backup"
    )]
    NoTenant {
        /// What was asked for.
        wanted: String,
        /// The backup's moment.
        taken_at: chrono::DateTime<chrono::Utc>,
    },
    /// Another tenant has its slug.
    #[error("another tenant has the slug `{0}` now; restore this one under a free one: --slug NEW")]
    SlugTaken(String),
    /// Somebody else has the address of a person who is not there any more.
    #[error(
        "{email} is the address of another account now, and the person of the backup ({person}) is not there any more; give --leave-out {email} to restore the tenant without them, and add the account to it afterwards if it is the same person"
    )]
    EmailTaken {
        /// Whose identifier.
        person: String,
        /// The address.
        email: String,
    },
    /// Nobody of that address is in the tenant.
    #[error("nobody with the address {0} belongs to the tenant in the backup; check --leave-out")]
    NobodyToLeaveOut(String),
    /// The tenant is there.
    #[error(
        "the tenant `{0}` is there, and what it has now would be replaced; look at it with --dry-run, then give --replace"
    )]
    TenantLive(String),
    /// It cannot be moved without losing something.
    #[error("{} cannot be kept beside the new database as it is: {source}; stop whoever uses it, or move it away by hand together with what lies beside it (-wal, -shm, -journal), and restore without --replace", path.display())]
    Restless {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Two would be in each other's way.
    #[error("another restore into this database is under way; wait for its end")]
    UnderWay,
    /// The copy of the backup that nobody else can change does not fit.
    #[error("{} has {free} bytes free, and to read the backup out of reach of others needs {bytes}; make room there or set TMPDIR to another place", path.display())]
    NoRoomToRead {
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

impl From<BucketError> for RecoveryError {
    fn from(source: BucketError) -> Self {
        Self::Bucket(Box::new(source))
    }
}
