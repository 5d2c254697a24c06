//! The database that is backed up, or restored into.

use std::path::{Path, PathBuf};

use crate::{
    RecoveryError,
    format::Engine,
    postgres::{self, Archive, Programs},
};

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
