//! The whole platform moves to another database, of the same kind or the other.
//!
//! What is made anew by whoever runs stays behind. Identifiers, tokens, sessions and passwords stay
//! what they were; a new history begins, so that followers of the change log take everything anew.

mod check;
mod target;

use std::time::{Duration, Instant};

use saas_domain::{Clock, Random};
use saas_migration::{Belongs, TABLES};
use saas_storage::{Database, DatabaseSettings, SystemTx, rows, rows::Whose};

use crate::{RecoveryError, format::TableSummary, rows as moved, source::Source, stop::Stop};
use target::Target;

/// What would be copied, or was.
#[derive(Clone, Debug)]
pub struct Copied {
    /// Each table that is copied, in the order in which it is, with its rows.
    pub tables: Vec<(&'static str, u64)>,
    /// Whether the target is a database that was not there.
    pub creates: bool,
    /// How long it took.
    pub took: Duration,
}

/// Looks at both databases, says what would be copied, and changes nothing.
///
/// # Errors
/// One sentence for what speaks against it, with what to do instead.
pub async fn plan_copy(
    from: &Source,
    to: &Source,
    clock: &Clock,
    random: &Random,
) -> Result<Copied, RecoveryError> {
    let began = Instant::now();
    check::source(from).await?;
    let creates = check::target(to, from).await?;
    let source = open(from, clock, random).await?;
    let counted = async {
        let tx = source.system_snapshot("copy.count").await?;
        tx.take_time().await?;
        let mut tables = Vec::new();
        for name in copied_tables() {
            let table = rows::table(&tx, name).await?;
            tables.push((name, rows::count(&tx, &table, Whose::Everybodys).await?));
        }
        Ok(tables)
    };
    let counted: Result<_, RecoveryError> = counted.await;
    source.close().await;
    Ok(Copied {
        tables: counted?,
        creates,
        took: began.elapsed(),
    })
}

/// Copies the platform as planned, compares every table, and only then lets it last.
///
/// # Errors
/// When something speaks against it or fails, or `stop` says so. Then the target is empty as it was,
/// or not there as it was.
pub async fn copy(
    from: &Source,
    to: &Source,
    plan: &Copied,
    clock: &Clock,
    random: &Random,
    stop: &Stop,
) -> Result<Copied, RecoveryError> {
    let began = Instant::now();
    let target = Target::prepare(to, plan.creates).await?;
    let copied = async {
        saas_migration::up(&to.url()).await?;
        let source = open(from, clock, random).await?;
        let there = open(to, clock, random).await?;
        let copied = copy_tables(&source, &there, stop).await;
        source.close().await;
        there.close().await;
        copied
    };
    match copied.await {
        Ok(tables) => Ok(Copied {
            tables,
            creates: plan.creates,
            took: began.elapsed(),
        }),
        Err(error) => {
            target.discard().await;
            Err(error)
        }
    }
}

async fn copy_tables(
    source: &Database,
    target: &Database,
    stop: &Stop,
) -> Result<Vec<(&'static str, u64)>, RecoveryError> {
    let from = source.system_snapshot("copy.read").await?;
    let to = target.system("copy.write").await?;
    from.take_time().await?;
    to.take_time().await?;
    check::is_empty(&to).await?;
    let mut read = Vec::new();
    for name in copied_tables() {
        read.push((name, moved::copy(&from, &to, name, stop).await?));
    }
    compare(&to, &read, stop).await?;
    // Numbers of the change log begin anew, and must not be taken for those of before.
    to.begin_epoch().await?;
    stop.check()?;
    to.commit().await?;
    Ok(read
        .into_iter()
        .map(|(name, table)| (name, table.rows))
        .collect())
}

async fn compare(
    to: &SystemTx,
    read: &[(&'static str, TableSummary)],
    stop: &Stop,
) -> Result<(), RecoveryError> {
    for (name, expected) in read {
        let found = moved::summary(to, name, stop).await?;
        if found != *expected {
            return Err(RecoveryError::Miscopied {
                table: name,
                found: found.rows,
                expected: expected.rows,
            });
        }
    }
    Ok(())
}

fn copied_tables() -> impl Iterator<Item = &'static str> {
    let tables = TABLES.iter();
    tables.filter_map(|(name, belongs)| (*belongs != Belongs::Rebuilt).then_some(*name))
}

async fn open(which: &Source, clock: &Clock, random: &Random) -> Result<Database, RecoveryError> {
    let settings = DatabaseSettings {
        url: which.url(),
        min_connections: 0,
        max_connections: 2,
    };
    Ok(Database::open(settings, clock.clone(), random.clone()).await?)
}
