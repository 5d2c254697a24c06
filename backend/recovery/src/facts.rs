//! What a database says of itself.

use chrono::{DateTime, Utc};
use saas_security::FileSeal;
use uuid::Uuid;

use crate::format::{Content, Engine, FORMAT, Manifest, TableSummary};

/// What a database says of itself at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) server: String,
    pub(crate) migrations: Vec<String>,
    pub(crate) installation: Uuid,
    pub(crate) epoch: i64,
    pub(crate) taken_at: DateTime<Utc>,
}

impl Facts {
    /// Of a database that was not looked at yet.
    pub(crate) fn none() -> Self {
        Self {
            server: String::new(),
            migrations: Vec::new(),
            installation: Uuid::nil(),
            epoch: 0,
            taken_at: DateTime::UNIX_EPOCH,
        }
    }

    pub(crate) fn manifest(
        self,
        engine: Engine,
        content: Content,
        tables: std::collections::BTreeMap<String, TableSummary>,
        seal: &FileSeal,
    ) -> Manifest {
        Manifest {
            format: FORMAT,
            platform: env!("CARGO_PKG_VERSION").to_owned(),
            engine,
            server: self.server,
            migrations: self.migrations,
            installation: self.installation,
            epoch: self.epoch,
            taken_at: self.taken_at,
            content,
            tables,
            seal: String::new(),
        }
        .sealed(seal)
    }
}
