//! A migrated database of a test's own, on either kind.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;

use saas_domain::{Clock, Random};
use saas_storage::{Database, DatabaseSettings};
use saas_testkit::TestDatabase;

/// A database and what it lives in, which goes with it.
pub struct Fixture {
    pub db: Database,
    pub clock: Clock,
    pub url: String,
    home: Home,
}

enum Home {
    Directory(Directory),
    Server(TestDatabase),
}

/// Removed with everything in it.
pub struct Directory(pub PathBuf);

impl Directory {
    pub fn new() -> Self {
        let name: [u8; 8] = Random::os().bytes();
        let path = std::env::temp_dir().join(format!("saas-{:x}", u64::from_le_bytes(name)));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn noon() -> Clock {
    Clock::manual(chrono::DateTime::UNIX_EPOCH + chrono::Duration::days(20_000))
}

impl Fixture {
    pub async fn sqlite() -> Self {
        let directory = Directory::new();
        let url = format!("sqlite://{}/saas.db", directory.0.display());
        saas_migration::up(&url).await.unwrap();
        Self::over(url, Home::Directory(directory), noon()).await
    }

    pub async fn postgres() -> Self {
        let database =
            TestDatabase::create(|url| async move { saas_migration::up(&url).await.map(drop) })
                .await
                .unwrap();
        let url = database.url().to_owned();
        Self::over(url, Home::Server(database), Clock::system()).await
    }

    async fn over(url: String, home: Home, clock: Clock) -> Self {
        Self {
            db: open(&url, clock.clone()).await,
            clock,
            url,
            home,
        }
    }

    /// Another process' view of the same database.
    pub async fn again(&self) -> Database {
        open(&self.url, self.clock.clone()).await
    }

    /// Runs statements as the login role, beside everything storage enforces.
    pub async fn sql(&self, statements: &str) -> String {
        match &self.home {
            Home::Server(database) => database.sql(statements).await.unwrap(),
            Home::Directory(_) => unreachable!("only on PostgreSQL"),
        }
    }
}

pub async fn open(url: &str, clock: Clock) -> Database {
    let settings = DatabaseSettings {
        url: url.to_owned(),
        min_connections: 0,
        max_connections: 6,
    };
    Database::open(settings, clock, Random::os()).await.unwrap()
}

/// Makes a test of each kind of database from one function over a [`Fixture`].
#[macro_export]
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(super::support::Fixture::sqlite().await).await; })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(super::support::Fixture::postgres().await).await; })+
        }
    };
}
