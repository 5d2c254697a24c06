//! PostgreSQL and Redis for the lifetime of a test run.
//!
//! Two ways to get them:
//!
//! * The program `with-servers -- COMMAND…` starts both, names them in [`POSTGRES_URL`] and
//!   [`REDIS_URL`], runs the command and stops them. This is what `make test` does: one pair of
//!   servers for every test process.
//! * [`shared`] uses what those variables name; where they are absent it starts the servers for
//!   this process alone, so that a single test can be run by hand without any preparation.
//!
//! A test that has to stop, kill or freeze a server starts one of its own with
//! [`PostgresServer::start`] or [`RedisServer::start`].
//!
//! Nothing here survives its owner: every server is watched over by a small shell process that
//! stops it and removes its directory when the owner's end of a pipe is closed, even by SIGKILL.

use std::env;
use std::sync::{Mutex, OnceLock, PoisonError};

mod directory;
mod error;
mod postgres;
mod programs;
mod psql;
mod redis;
mod supervised;

pub use error::ServersError;
pub use postgres::PostgresServer;
pub use redis::RedisServer;

pub(crate) use directory::random_hex;
pub(crate) use psql::{PostgresAddress, Psql};

/// Names the variable with a superuser's URL of the PostgreSQL server's `postgres` database.
pub const POSTGRES_URL: &str = "SAAS_TEST_POSTGRES_URL";

/// Names the variable with the Redis server's URL.
pub const REDIS_URL: &str = "SAAS_TEST_REDIS_URL";

/// A PostgreSQL and a Redis that tests share.
///
/// Tests keep apart by a database each: [`crate::TestDatabase`] on PostgreSQL and
/// [`Servers::fresh_redis_url`] on Redis. Redis channels are not part of a numbered database: a
/// test that publishes takes a [`RedisServer`] of its own or prefixes its channels.
#[derive(Debug)]
pub struct Servers {
    postgres_url: String,
    redis_url: String,
    _postgres: Option<PostgresServer>,
    _redis: Option<RedisServer>,
}

impl Servers {
    /// Starts a private PostgreSQL and a private Redis. Blocks for one to two seconds; both stop
    /// when the value is dropped or the process ends, however it ends.
    ///
    /// # Errors
    /// When a program is not installed or a server does not come up.
    pub fn start() -> Result<Self, ServersError> {
        let postgres = PostgresServer::start()?;
        let redis = RedisServer::start()?;
        Ok(Self {
            postgres_url: postgres.url().to_owned(),
            redis_url: redis.url().to_owned(),
            _postgres: Some(postgres),
            _redis: Some(redis),
        })
    }

    /// What the environment names, and a private server for each that it does not.
    fn from_environment() -> Result<Self, ServersError> {
        let (postgres_url, postgres) = match named(POSTGRES_URL) {
            Some(url) => (url, None),
            None => owned(PostgresServer::start()?, PostgresServer::url),
        };
        let (redis_url, redis) = match named(REDIS_URL) {
            Some(url) => (url, None),
            None => owned(RedisServer::start()?, RedisServer::url),
        };
        Ok(Self {
            postgres_url,
            redis_url,
            _postgres: postgres,
            _redis: redis,
        })
    }

    /// A superuser's URL of the database `postgres`.
    pub fn postgres_url(&self) -> &str {
        &self.postgres_url
    }

    /// The URL of Redis' database 0, which belongs to nobody; tests use
    /// [`Self::fresh_redis_url`].
    pub fn redis_url(&self) -> &str {
        &self.redis_url
    }

    /// The URL of an empty numbered database that no other running test has.
    ///
    /// Numbers come round after about a thousand calls.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub fn fresh_redis_url(&self) -> Result<String, ServersError> {
        redis::fresh_database(&self.redis_url)
    }
}

/// The servers every test of this process shares; started on first use unless the environment
/// names them. Blocks while they start.
///
/// # Errors
/// When a program is not installed or a server does not come up.
pub fn shared() -> Result<&'static Servers, ServersError> {
    static SHARED: OnceLock<Servers> = OnceLock::new();
    static STARTING: Mutex<()> = Mutex::new(());
    if let Some(servers) = SHARED.get() {
        return Ok(servers);
    }
    let _turn = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(servers) = SHARED.get() {
        return Ok(servers);
    }
    let servers = Servers::from_environment()?;
    Ok(SHARED.get_or_init(|| servers))
}

fn named(variable: &str) -> Option<String> {
    env::var(variable).ok().filter(|value| !value.is_empty())
}

fn owned<S>(server: S, url: impl Fn(&S) -> &str) -> (String, Option<S>) {
    (url(&server).to_owned(), Some(server))
}
