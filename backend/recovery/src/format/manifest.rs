//! What a backup says of itself.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use saas_security::FileSeal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The version of this format that this program writes.
pub const FORMAT: u32 = 1;

/// Of which database the content is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// SQL by `pg_dump`.
    Postgres,
    /// The database file.
    Sqlite,
}

impl Engine {
    /// What it is called.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Sqlite => "SQLite",
        }
    }

    /// The part of a backup's name that says what is inside.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Postgres => "sql",
            Self::Sqlite => "db",
        }
    }
}

/// What was backed up, and by what it is known again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`] of the program that made it.
    pub format: u32,
    /// The version of the platform that made it.
    pub platform: String,
    /// Of which database.
    pub engine: Engine,
    /// Its version, as it says itself.
    pub server: String,
    /// The migrations that the database had, oldest first.
    pub migrations: Vec<String>,
    /// Of which installation.
    pub installation: Uuid,
    /// Its epoch at the time.
    pub epoch: i64,
    /// The moment whose state is in it.
    pub taken_at: DateTime<Utc>,
    /// The content.
    pub content: Content,
    /// Each table, by name.
    pub tables: BTreeMap<String, TableSummary>,
    /// HMAC-SHA-256 over all of the above under a key of `SECRET_KEY`, in hexadecimal: who cannot
    /// make it can neither alter a backup unnoticed nor put another in its place.
    pub seal: String,
}

/// The content, uncompressed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Bytes.
    pub bytes: u64,
    /// SHA-256, in hexadecimal.
    pub sha256: String,
}

/// A table's rows, in whatever order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSummary {
    /// How many.
    pub rows: u64,
    /// The sum of the rows' digests (see [`RowDigest`](super::RowDigest)), in hexadecimal.
    pub checksum: String,
}

impl Manifest {
    /// The newest migration.
    pub fn revision(&self) -> &str {
        self.migrations.last().map_or("none", String::as_str)
    }

    /// Rows of all tables.
    pub fn rows(&self) -> u64 {
        // A manifest that nobody compared may say anything.
        let tables = self.tables.values();
        tables.fold(0, |sum, table| sum.saturating_add(table.rows))
    }

    /// Sets the seal.
    #[must_use]
    pub fn sealed(mut self, by: &FileSeal) -> Self {
        self.seal = hex(&by.tag(&self.unsealed()));
        self
    }

    /// Whether whoever knows this key sealed it as it is.
    pub fn is_sealed(&self, by: &FileSeal) -> bool {
        unhex(&self.seal).is_some_and(|tag| by.verify(&self.unsealed(), &tag))
    }

    fn unsealed(&self) -> Vec<u8> {
        let plain = Self {
            seal: String::new(),
            ..self.clone()
        };
        // A map of strings and numbers has a JSON form.
        serde_json::to_vec(&plain).unwrap_or_default()
    }
}

/// In hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}
