//! What a database says of itself.

use chrono::{DateTime, Utc};
use saas_security::FileSeal;
use sqlx::{Database, Executor, FromRow, IntoArguments};
use uuid::Uuid;

use crate::RecoveryError;
use crate::format::{Content, Engine, FORMAT, Manifest, TableSummary};

/// Whether a database has the schema of this version.
///
/// # Errors
/// [`RecoveryError::OlderDatabase`] or [`RecoveryError::NewerDatabase`].
pub(crate) fn this_version(
    migrations: &[String],
    which: &'static str,
) -> Result<(), RecoveryError> {
    not_newer(migrations, which)?;
    let mut known = saas_migration::known().into_iter();
    let missing = known.find(|one| !migrations.contains(one));
    missing.map_or(Ok(()), |revision| {
        Err(RecoveryError::OlderDatabase { which, revision })
    })
}

/// Whether this version knows all that a database has.
///
/// # Errors
/// [`RecoveryError::NewerDatabase`].
pub(crate) fn not_newer(migrations: &[String], which: &'static str) -> Result<(), RecoveryError> {
    let known = saas_migration::known();
    let unknown = migrations.iter().find(|one| !known.contains(one));
    unknown.map_or(Ok(()), |revision| {
        Err(RecoveryError::NewerDatabase {
            which,
            revision: revision.clone(),
        })
    })
}

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
    /// Reads them from either database.
    ///
    /// # Errors
    /// When it does not answer, or is none of the platform's.
    pub(crate) async fn read<DB: Database>(
        connection: &mut DB::Connection,
        server: String,
        taken_at: DateTime<Utc>,
    ) -> Result<Self, sqlx::Error>
    where
        for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
        DB::Arguments: IntoArguments<DB>,
        for<'r> (String,): FromRow<'r, DB::Row>,
        for<'r> (Uuid, i64): FromRow<'r, DB::Row>,
    {
        let names = "SELECT version FROM seaql_migrations ORDER BY version";
        let names: Vec<(String,)> = sqlx::query_as(names).fetch_all(&mut *connection).await?;
        let known = sqlx::query_as("SELECT id, epoch FROM installation");
        let known: Option<(Uuid, i64)> = known.fetch_optional(&mut *connection).await?;
        let (installation, epoch) = known.unwrap_or_default();
        Ok(Self {
            server,
            migrations: names.into_iter().map(|(name,)| name).collect(),
            installation,
            epoch,
            taken_at,
        })
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
