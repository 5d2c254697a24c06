//! The schema's history, for SQLite and PostgreSQL.
//!
//! [`up`], [`down`] and [`status`] take the database's URL and a connection of their own. Each runs
//! in one transaction that begins by taking a lock, so processes that start at the same time take
//! turns, and a migration that fails half way leaves nothing behind.

mod access;
mod away;
mod connection;
mod m0001_platform;
mod m0002_people;
mod m0003_demand;
mod m0004_gateway_address;
mod m0005_invitations;
mod m0006_recovery_runs;
mod rehearse;
mod roles;
mod tables;

use sea_orm_migration::sea_orm::{DatabaseConnection, DatabaseTransaction};
use sea_orm_migration::{MigrationStatus, prelude::*};

pub use rehearse::{Blocks, Rehearsed, TableLock, rehearse};
pub use roles::roles_sql;
pub use tables::{Belongs, TABLES, belongs};

/// The PostgreSQL role that sees one tenant's rows: the one named by the setting `saas.tenant_id`.
pub const TENANT_ROLE: &str = "saas_tenant";
/// The PostgreSQL role that sees the rows of every tenant.
pub const SYSTEM_ROLE: &str = "saas_system";

/// Every migration, oldest first.
struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_platform::Migration),
            Box::new(m0002_people::Migration),
            Box::new(m0003_demand::Migration),
            Box::new(m0004_gateway_address::Migration),
            Box::new(m0005_invitations::Migration),
            Box::new(m0006_recovery_runs::Migration),
        ]
    }
}

/// Why the schema could not be changed or looked at.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The database did not answer, or refused the connection. The driver's error is told in `why`,
    /// without what it puts around it.
    #[error("the database cannot be reached: {why}; {remedy}")]
    Connect {
        /// What the server, the system or TLS said.
        why: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The SQLite file could not be opened or made.
    #[error(
        "the database file {path} cannot be opened; make it a file that this user may write, or set DATABASE_URL or DATA_DIR to another place"
    )]
    File {
        /// Which.
        path: String,
        /// What the system said.
        source: DbErr,
    },
    /// The two roles could not be made.
    #[error(
        "the roles {TENANT_ROLE} and {SYSTEM_ROLE} could not be made; let a superuser run: \
         {remedy} (PostgreSQL: {why})"
    )]
    Roles {
        /// The statements that are missing.
        remedy: String,
        /// What the server said, without what the driver puts around it.
        why: String,
    },
    /// A statement failed; nothing was changed.
    #[error("a migration failed and was taken back whole")]
    Statement(#[from] DbErr),
}

/// One migration and whether the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationState {
    /// Its name, which begins with its number.
    pub name: String,
    /// Whether the database has it.
    pub is_applied: bool,
}

/// Applies what is missing, creates the SQLite file if need be, and returns the names applied. A
/// schema that a later version made is left as it is: it serves the version before, too, which is
/// the way back.
///
/// # Errors
/// When the database is away, the roles cannot be made, or a statement fails.
pub async fn up(url: &str) -> Result<Vec<String>, MigrationError> {
    up_steps(url, None).await
}

/// The same, for this many of what is missing, the oldest first.
///
/// # Errors
/// As [`up`].
pub async fn up_steps(url: &str, steps: Option<u32>) -> Result<Vec<String>, MigrationError> {
    let connection = connection::open(url, true).await?;
    if let Err(error) = roles::ensure(&connection).await {
        return Err(roles::not_made(&connection, url, &error).await);
    }
    let transaction = connection::begin(&connection).await?;
    if is_later(&transaction).await? {
        finish(connection, transaction).await?;
        return Ok(Vec::new());
    }
    let before = applied(&transaction).await?;
    Migrator::up(&transaction, steps).await?;
    let mut names = applied(&transaction).await?;
    names.retain(|name| !before.contains(name));
    finish(connection, transaction).await?;
    Ok(names)
}

/// Takes back the newest `steps` migrations and returns their names, newest first. The PostgreSQL
/// roles stay: other databases of the cluster may use them.
///
/// # Errors
/// When the database is away or a statement fails.
pub async fn down(url: &str, steps: u32) -> Result<Vec<String>, MigrationError> {
    let connection = connection::open(url, false).await?;
    let transaction = connection::begin(&connection).await?;
    let before = applied(&transaction).await?;
    Migrator::down(&transaction, Some(steps)).await?;
    let after = applied(&transaction).await?;
    finish(connection, transaction).await?;
    let gone = |name: &String| !after.contains(name);
    Ok(before.into_iter().rev().filter(gone).collect())
}

/// Every migration this program knows, oldest first. Changes nothing and takes no lock.
///
/// # Errors
/// When the database is away, or has migrations that this program does not know: it is older than
/// the schema.
pub async fn status(url: &str) -> Result<Vec<MigrationState>, MigrationError> {
    let connection = connection::open(url, false).await?;
    let migrations = Migrator::get_migration_with_status_read_only(&connection).await?;
    connection.close().await?;
    Ok(migrations
        .iter()
        .map(|migration| MigrationState {
            name: migration.name().to_owned(),
            is_applied: migration.status() == MigrationStatus::Applied,
        })
        .collect())
}

/// Whether the database has all that this program knows, and more.
async fn is_later(transaction: &DatabaseTransaction) -> Result<bool, DbErr> {
    let there = Migrator::get_migration_models(transaction).await?;
    let known = Migrator::migrations();
    let has = |name: &str| there.iter().any(|model| model.version == name);
    Ok(there.len() > known.len() && known.iter().all(|migration| has(migration.name())))
}

/// The name of every migration this program knows, oldest first.
pub fn known() -> Vec<String> {
    let migrations = Migrator::migrations();
    migrations.iter().map(|one| one.name().to_owned()).collect()
}

async fn applied(transaction: &DatabaseTransaction) -> Result<Vec<String>, DbErr> {
    let migrations = Migrator::get_applied_migrations(transaction).await?;
    Ok(migrations.iter().map(|m| m.name().to_owned()).collect())
}

async fn finish(
    connection: DatabaseConnection,
    transaction: DatabaseTransaction,
) -> Result<(), DbErr> {
    transaction.commit().await?;
    connection.close().await
}
