//! The database that is backed up, or restored into.

use std::path::{Path, PathBuf};

use chrono::DateTime;

use crate::{
    RecoveryError,
    facts::Facts,
    format::Engine,
    postgres::{self, Archive, Programs, Snapshot},
    sqlite,
};

/// The table of the migrations that a database has.
pub(crate) const MIGRATIONS: &str = "seaql_migrations";

/// A database by its address.
#[derive(Clone)]
pub struct Source {
    pub(crate) kind: Kind,
}

#[derive(Clone)]
pub(crate) enum Kind {
    Postgres(Programs),
    Sqlite(PathBuf),
}

impl Source {
    /// The database at this address; nobody is asked.
    ///
    /// # Errors
    /// [`RecoveryError::Address`].
    pub fn new(url: &str) -> Result<Self, RecoveryError> {
        let kind = match url.strip_prefix("sqlite:") {
            Some(rest) => {
                let path = rest.strip_prefix("//").unwrap_or(rest);
                let path = path.split_once('?').map_or(path, |(path, _)| path);
                Kind::Sqlite(Path::new(path).to_owned())
            }
            None => Kind::Postgres(Programs::new(url)?),
        };
        Ok(Self { kind })
    }

    /// The address.
    pub(crate) fn url(&self) -> String {
        match &self.kind {
            Kind::Postgres(server) => server.url().to_owned(),
            Kind::Sqlite(file) => format!("sqlite://{}", file.display()),
        }
    }

    /// What it says of itself.
    ///
    /// # Errors
    /// [`RecoveryError::NoPlatform`] when it is not there, or nothing of the platform's.
    pub(crate) async fn facts(&self) -> Result<Facts, RecoveryError> {
        if self.migrations().await?.is_none() {
            return Err(RecoveryError::NoPlatform);
        }
        match &self.kind {
            Kind::Postgres(server) => {
                let snapshot = Snapshot::take(server.url()).await?;
                let facts = snapshot.facts.clone();
                snapshot.end().await;
                Ok(facts)
            }
            // Of no one moment: nothing is copied here.
            Kind::Sqlite(file) => sqlite::facts(file, DateTime::UNIX_EPOCH).await,
        }
    }

    /// Its tables; `None` if it is not there.
    pub(crate) async fn tables(&self) -> Result<Option<Vec<String>>, RecoveryError> {
        self.texts(match &self.kind {
            Kind::Postgres(_) => {
                "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
            }
            Kind::Sqlite(_) => sqlite::TABLE_NAMES,
        })
        .await
    }

    /// The migrations it has; `None` if it is not there, or nothing of the platform's.
    pub(crate) async fn migrations(&self) -> Result<Option<Vec<String>>, RecoveryError> {
        let tables = self.tables().await?.unwrap_or_default();
        if !tables.iter().any(|name| name == MIGRATIONS) {
            return Ok(None);
        }
        self.texts("SELECT version FROM seaql_migrations ORDER BY version")
            .await
    }

    /// The first column of what a statement of this crate's finds; `None` if it is not there.
    pub(crate) async fn texts(
        &self,
        statement: &str,
    ) -> Result<Option<Vec<String>>, RecoveryError> {
        match &self.kind {
            Kind::Postgres(server) => postgres::texts(server, statement).await,
            Kind::Sqlite(file) => sqlite::texts(file, statement).await,
        }
    }

    /// How its archive of changes does; `None` where there is none, as with SQLite.
    ///
    /// # Errors
    /// [`RecoveryError::Database`] when it does not answer.
    pub async fn archive(&self) -> Result<Option<Archive>, RecoveryError> {
        match &self.kind {
            Kind::Postgres(server) => postgres::archive(server).await,
            Kind::Sqlite(_) => Ok(None),
        }
    }

    /// Which database it is.
    pub const fn engine(&self) -> Engine {
        match self.kind {
            Kind::Postgres(_) => Engine::Postgres,
            Kind::Sqlite(_) => Engine::Sqlite,
        }
    }
}

impl std::fmt::Debug for Source {
    /// Without the address, which may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Source({:?})", self.engine())
    }
}
