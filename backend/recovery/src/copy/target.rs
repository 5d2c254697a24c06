//! The database that is filled.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::OpenOptionsExt as _,
};

use crate::{
    RecoveryError, postgres,
    source::{Kind, Source},
    sqlite::{beside, unusable},
};

/// The target, and whether it was made for this.
pub(super) struct Target<'a> {
    source: &'a Source,
    is_new: bool,
}

impl<'a> Target<'a> {
    /// Makes it if it is new: a file that nobody else may read, or a database.
    pub(super) async fn prepare(source: &'a Source, is_new: bool) -> Result<Self, RecoveryError> {
        match &source.kind {
            _ if !is_new => {}
            Kind::Postgres(server) => {
                postgres::create_database(server, &server.database()).await?;
            }
            Kind::Sqlite(file) => {
                let mut options = OpenOptions::new();
                let options = options.write(true).create_new(true).mode(0o600);
                options.open(file).map_err(|error| unusable(file, error))?;
            }
        }
        Ok(Self { source, is_new })
    }

    /// Leaves it as it was found: not there, or without a row.
    pub(super) async fn discard(self) {
        if !self.is_new {
            return;
        }
        match &self.source.kind {
            Kind::Postgres(server) => {
                let database = server.database();
                if let Err(error) = postgres::drop_database(server, &database).await {
                    tracing::warn!(%error, database, "the database that was made is still there, empty; drop it");
                }
            }
            Kind::Sqlite(file) => {
                for suffix in ["", "-wal", "-shm", "-journal"] {
                    let _ = fs::remove_file(beside(file, suffix));
                }
            }
        }
    }
}
