//! What the pending migrations would do to a database in use: how long they take, and whom they
//! keep waiting.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use sea_orm_migration::MigratorTrait as _;
use sea_orm_migration::sea_orm::{
    ConnectionTrait as _, DatabaseTransaction, DbBackend, DbErr, QueryResult, Statement,
};

use crate::{MigrationError, Migrator, connection, finish, is_later};

/// One migration that was rehearsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehearsed {
    /// Its name.
    pub name: String,
    /// How long it took.
    pub took: Duration,
    /// What it locked of that which was there before, in PostgreSQL, by name: each table with the
    /// strongest lock that no migration before it had taken already.
    pub locks: Vec<TableLock>,
}

/// A lock on a table. It is held until the last pending migration is done, since all of them are one
/// transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableLock {
    /// Which table.
    pub table: String,
    /// PostgreSQL's name of it, as in `pg_locks`.
    pub mode: String,
    /// Who waits.
    pub blocks: Blocks,
}

/// Who waits while a table is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocks {
    /// Nobody who reads or writes rows.
    Nobody,
    /// Who writes.
    Writes,
    /// Who reads, and who writes.
    ReadsAndWrites,
}

/// Weakest first.
const MODES: [(&str, Blocks); 8] = [
    ("AccessShareLock", Blocks::Nobody),
    ("RowShareLock", Blocks::Nobody),
    ("RowExclusiveLock", Blocks::Nobody),
    ("ShareUpdateExclusiveLock", Blocks::Nobody),
    ("ShareLock", Blocks::Writes),
    ("ShareRowExclusiveLock", Blocks::Writes),
    ("ExclusiveLock", Blocks::Writes),
    ("AccessExclusiveLock", Blocks::ReadsAndWrites),
];

/// The platform's tables; the list of migrations is looked at by nobody else.
const TABLES: &str = "SELECT tablename::text FROM pg_tables \
    WHERE schemaname = current_schema() AND tablename <> 'seaql_migrations'";
const LOCKS: &str = "SELECT c.relname::text, l.mode FROM pg_locks l \
    JOIN pg_class c ON c.oid = l.relation AND c.relkind IN ('r', 'p') \
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema() \
    WHERE l.pid = pg_backend_pid() AND l.granted AND l.locktype = 'relation'";

/// Applies what is missing to a copy of the database, as [`crate::up`] would, and tells of each
/// migration what it did. Nothing is left to do on the copy afterwards.
///
/// # Errors
/// As [`crate::up`]: what fails here would fail there.
pub async fn rehearse(url: &str) -> Result<Vec<Rehearsed>, MigrationError> {
    let connection = connection::open(url, false).await?;
    let transaction = connection::begin(&connection).await?;
    let mut done = Vec::new();
    if !is_later(&transaction).await? {
        let mut held = Held::of(&transaction).await?;
        for migration in Migrator::get_pending_migrations(&transaction).await? {
            let began = Instant::now();
            Migrator::up(&transaction, Some(1)).await?;
            done.push(Rehearsed {
                name: migration.name().to_owned(),
                took: began.elapsed(),
                locks: held.more(&transaction).await?,
            });
        }
    }
    finish(connection, transaction).await?;
    Ok(done)
}

/// The strongest lock so far on each table that was there before.
struct Held(BTreeMap<String, Option<usize>>);

impl Held {
    async fn of(transaction: &DatabaseTransaction) -> Result<Self, DbErr> {
        let rows = ask(transaction, TABLES).await?;
        let names = rows.iter().map(|row| Ok((row.try_get_by_index(0)?, None)));
        names.collect::<Result<_, DbErr>>().map(Self)
    }

    /// What came since it was asked last.
    async fn more(&mut self, transaction: &DatabaseTransaction) -> Result<Vec<TableLock>, DbErr> {
        let mut grown = BTreeMap::new();
        for row in ask(transaction, LOCKS).await? {
            let (table, mode): (String, String) =
                (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            let strength = MODES.iter().position(|(name, _)| *name == mode);
            if let Some(before) = self.0.get_mut(&table)
                && *before < strength
            {
                *before = strength;
                grown.insert(table, strength);
            }
        }
        let lock = |(table, strength): (String, Option<usize>)| {
            let (mode, blocks) = MODES.get(strength?)?;
            Some(TableLock {
                table,
                mode: (*mode).to_owned(),
                blocks: *blocks,
            })
        };
        Ok(grown.into_iter().filter_map(lock).collect())
    }
}

/// Nothing on SQLite, which locks the file as a whole.
async fn ask(transaction: &DatabaseTransaction, sql: &str) -> Result<Vec<QueryResult>, DbErr> {
    if transaction.get_database_backend() != DbBackend::Postgres {
        return Ok(Vec::new());
    }
    let statement = Statement::from_string(DbBackend::Postgres, sql);
    transaction.query_all_raw(statement).await
}
