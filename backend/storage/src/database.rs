//! The pools, and how they are opened.

use std::sync::Arc;
use std::time::Duration;

use saas_domain::{Clock, Random};
use sea_orm::sqlx::postgres::PgConnection;
use sea_orm::sqlx::sqlite::{SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sea_orm::sqlx::{self, Connection as _};
use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::changes::{Listener, Signals};
use crate::spans::Place;
use crate::transaction::{Access, OpenTransaction as _};
use crate::{Installation, StorageError};

/// How long to wait for a connection, for SQLite's writer, or for a lock.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long an idle connection may take to answer before it is used.
const ANSWER: Duration = Duration::from_secs(1);
/// Readers of one SQLite file: each is a thread with a page cache of its own.
const SQLITE_READERS: u32 = 4;

/// Where the database is and how many connections it may cost.
#[derive(Clone)]
pub struct DatabaseSettings {
    /// `postgresql://user:password@host:5432/db` or `sqlite:///path/file.db`.
    pub url: String,
    /// PostgreSQL connections kept open when idle. SQLite has one writer and a few readers.
    pub min_connections: u32,
    /// PostgreSQL connections at most. One more listens for changes.
    pub max_connections: u32,
}

impl DatabaseSettings {
    /// The usual pool: 20 connections kept, 60 at most.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            min_connections: 20,
            max_connections: 60,
        }
    }
}

impl std::fmt::Debug for DatabaseSettings {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatabaseSettings")
            .field("min_connections", &self.min_connections)
            .field("max_connections", &self.max_connections)
            .finish_non_exhaustive()
    }
}

/// Which of the two databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseKind {
    /// One file, one process.
    Sqlite,
    /// A server that several processes share.
    Postgres,
}

impl DatabaseKind {
    /// Its name, for labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// The database. Cloning shares its pools.
#[derive(Clone)]
pub struct Database {
    pools: Arc<Pools>,
    observer: Option<Observer>,
}

/// Told of each transaction how long it waited until it had begun, or that it could not begin
/// because the database was not available.
pub type Observer = Arc<dyn Fn(Result<Duration, ()>) + Send + Sync>;

struct Pools {
    kind: DatabaseKind,
    place: Place,
    writer: DatabaseConnection,
    readers: DatabaseConnection,
    clock: Clock,
    random: Random,
    installation: OnceCell<Installation>,
    signals: Signals,
    /// Ends with the last clone.
    _listener: Option<Listener>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Database({:?})", self.pools.kind)
    }
}

impl Database {
    /// Opens the pools. A PostgreSQL server that is away is no error here: connections are made
    /// when needed, and [`Database::ready`] tells. A SQLite file must be there or be creatable.
    ///
    /// The schema is not touched: see `saas_migration::up`. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when the SQLite file cannot be opened or the URL is no
    /// database's.
    pub async fn open(
        settings: DatabaseSettings,
        clock: Clock,
        random: Random,
    ) -> Result<Self, StorageError> {
        let signals = Signals::default();
        let place = Place::of(&settings.url);
        let (kind, writer, readers, listener) = if settings.url.starts_with("sqlite:") {
            let writer = sqlite(&settings.url, Access::Write);
            let mut writer = sea_orm::Database::connect(writer).await?;
            let readers = sqlite(&settings.url, Access::Read);
            let mut readers = sea_orm::Database::connect(readers).await?;
            place.watch(&mut writer);
            place.watch(&mut readers);
            (DatabaseKind::Sqlite, writer, readers, None)
        } else {
            let mut pool = sea_orm::Database::connect(postgres(&settings)).await?;
            place.watch(&mut pool);
            let listener = Listener::start(settings.url, signals.clone());
            (DatabaseKind::Postgres, pool.clone(), pool, Some(listener))
        };
        let pools = Arc::new(Pools {
            kind,
            place,
            writer,
            readers,
            clock,
            random,
            installation: OnceCell::new(),
            signals,
            _listener: listener,
        });
        Ok(Self {
            pools,
            observer: None,
        })
    }

    /// The same database, whose transactions are told to `observer`: how long each waited until it
    /// had begun. Those of other clones are not.
    #[must_use]
    pub fn observed(
        mut self,
        observer: impl Fn(Result<Duration, ()>) + Send + Sync + 'static,
    ) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    pub(crate) fn observe(&self, began: Result<Duration, ()>) {
        if let Some(observer) = &self.observer {
            observer(began);
        }
    }

    /// Which of the two databases it is.
    pub fn kind(&self) -> DatabaseKind {
        self.pools.kind
    }

    /// The injected clock.
    pub fn clock(&self) -> &Clock {
        &self.pools.clock
    }

    /// The injected source of randomness.
    pub fn random(&self) -> &Random {
        &self.pools.random
    }

    /// Whether the database answers and, on PostgreSQL, keeps tenants apart: the tenant role
    /// without a tenant must not see a row of any table that it may read.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when it does not answer, [`StorageError::Other`] when tenants
    /// are not kept apart or the schema is missing.
    pub async fn ready(&self) -> Result<(), StorageError> {
        let tx = self.system_read("readiness").await?;
        let sql = "SELECT 1 FROM installation";
        tx.connection()
            .execute_raw(Statement::from_string(self.backend(), sql))
            .await?;
        drop(tx);
        match self.kind() {
            DatabaseKind::Sqlite => Ok(()),
            DatabaseKind::Postgres => crate::isolation::check(self).await,
        }
    }

    /// Connections in use and idle, for the metrics: `(in use, idle)`.
    pub fn connections(&self) -> (u32, u32) {
        let (size, idle) = match self.kind() {
            DatabaseKind::Postgres => {
                let pool = self.pools.writer.get_postgres_connection_pool();
                (pool.size(), pool.num_idle())
            }
            DatabaseKind::Sqlite => {
                let writer = self.pools.writer.get_sqlite_connection_pool();
                let readers = self.pools.readers.get_sqlite_connection_pool();
                (
                    writer.size() + readers.size(),
                    writer.num_idle() + readers.num_idle(),
                )
            }
        };
        let idle = u32::try_from(idle).unwrap_or(u32::MAX);
        (size.saturating_sub(idle), idle)
    }

    /// The most connections there may be.
    pub fn connection_limit(&self) -> u32 {
        match self.kind() {
            DatabaseKind::Postgres => {
                let pool = self.pools.writer.get_postgres_connection_pool();
                pool.options().get_max_connections()
            }
            // One writes.
            DatabaseKind::Sqlite => 1 + SQLITE_READERS,
        }
    }

    /// Closes every connection once it is free; later calls fail with
    /// [`StorageError::Unavailable`].
    pub async fn close(&self) {
        for pool in [&self.pools.readers, &self.pools.writer] {
            if let Err(error) = pool.close_by_ref().await {
                tracing::warn!(%error, "a database pool did not close");
            }
        }
    }

    pub(crate) fn connection(&self, access: Access) -> &DatabaseConnection {
        match access {
            Access::Write => &self.pools.writer,
            Access::Read | Access::Snapshot => &self.pools.readers,
        }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.pools.place
    }

    pub(crate) fn backend(&self) -> DbBackend {
        self.pools.writer.get_database_backend()
    }

    pub(crate) fn signals(&self) -> &Signals {
        &self.pools.signals
    }

    pub(crate) fn installation_cell(&self) -> &OnceCell<Installation> {
        &self.pools.installation
    }
}

/// WAL lets readers go on beside the writer; `FULL` makes every commit reach the disk, so that
/// what was acknowledged survives a power cut.
fn sqlite(url: &str, access: Access) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .min_connections(1)
        .max_connections(match access {
            Access::Write => 1,
            Access::Read | Access::Snapshot => SQLITE_READERS,
        })
        .acquire_timeout(PATIENCE)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .sqlx_logging(false)
        .map_sqlx_sqlite_pool_opts(|pool| {
            pool.after_release(|connection, _| Box::pin(is_clean(connection)))
        })
        .map_sqlx_sqlite_opts(move |sqlite| {
            let sqlite = sqlite.foreign_keys(true).busy_timeout(PATIENCE);
            match access {
                Access::Write => sqlite
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full),
                Access::Read | Access::Snapshot => sqlite.pragma("query_only", "on"),
            }
        });
    options
}

/// Whether a connection that comes back may be used again; if not, it is closed.
///
/// When the disk is full, SQLite takes the transaction back by itself. The driver's own rollback
/// then fails and it goes on counting a transaction as open, so that every later one would be a
/// savepoint within it: acknowledged, seen by nobody, and lost with the process.
async fn is_clean(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // The rollback of a dropped transaction is under way; the answer comes after it.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

/// Checks an idle connection before it is used; one that does not answer is given up.
///
/// The driver's own check waits for as long as an acquisition may take. A server that vanished
/// without closing its connections (a container that was stopped, a machine that was lost) then
/// costs every one of them a caller, one after the other, long after it is back.
async fn still_answers(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    match timeout(ANSWER, connection.ping()).await {
        Ok(answered) => answered.map(|()| true),
        // An error closes the connection without asking the other side.
        Err(_) => Err(sqlx::Error::PoolTimedOut),
    }
}

fn postgres(settings: &DatabaseSettings) -> ConnectOptions {
    let mut options = ConnectOptions::new(&settings.url);
    options
        .min_connections(settings.min_connections)
        .max_connections(settings.max_connections)
        .acquire_timeout(PATIENCE)
        .idle_timeout(Duration::from_mins(10))
        .max_lifetime(Duration::from_hours(1))
        .test_before_acquire(false)
        .map_sqlx_postgres_pool_opts(|pool| {
            pool.before_acquire(|connection, _| Box::pin(still_answers(connection)))
        })
        .connect_lazy(true)
        .sqlx_logging(false)
        .set_application_name("saas")
        .map_sqlx_postgres_opts(|postgres| {
            // A statement that hangs, or a client that forgot its transaction, must not hold locks
            // for ever.
            postgres.options([
                ("lock_timeout", "5s"),
                ("statement_timeout", "15s"),
                ("idle_in_transaction_session_timeout", "30s"),
            ])
        });
    options
}
