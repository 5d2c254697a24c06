//! Rows on their way from one open database to another of whatever kind, and what they are compared
//! by: a form that is the same on both.

mod digest;

use saas_storage::{
    SystemTx,
    rows::{self, Table, Whose},
};

use crate::{
    RecoveryError,
    format::{RowDigest, TableSummary},
    stop::Stop,
};
pub(crate) use digest::{bytes, digest};

/// The table of this name on both sides.
///
/// # Errors
/// [`RecoveryError::Columns`] when they differ: rows of the one are none of the other.
pub(crate) async fn on_both(
    from: &SystemTx,
    to: &SystemTx,
    name: &str,
) -> Result<Table, RecoveryError> {
    let (there, here) = (rows::table(from, name).await?, rows::table(to, name).await?);
    if there.columns != here.columns {
        return Err(RecoveryError::Columns(name.to_owned()));
    }
    Ok(here)
}

/// Copies every row of a table, and returns what was read.
///
/// # Errors
/// When a row cannot be read or written, or `stop` says so.
pub(crate) async fn copy(
    from: &SystemTx,
    to: &SystemTx,
    name: &str,
    stop: &Stop,
) -> Result<TableSummary, RecoveryError> {
    let table = on_both(from, to, name).await?;
    pass(from, &table, Some(to), stop).await
}

/// The rows of a table as they are there.
///
/// # Errors
/// When they cannot be read, or `stop` says so.
pub(crate) async fn summary(
    tx: &SystemTx,
    name: &str,
    stop: &Stop,
) -> Result<TableSummary, RecoveryError> {
    let table = rows::table(tx, name).await?;
    pass(tx, &table, None, stop).await
}

/// Reads all of a table, and writes what was read if there is a place for it.
async fn pass(
    from: &SystemTx,
    table: &Table,
    to: Option<&SystemTx>,
    stop: &Stop,
) -> Result<TableSummary, RecoveryError> {
    let mut pages = rows::pages(from, table, Whose::Everybodys);
    let mut read = RowDigest::default();
    loop {
        stop.check()?;
        let page = pages.next().await?;
        if page.is_empty() {
            return Ok(read.summary());
        }
        for row in &page {
            read.add(digest(row));
        }
        if let Some(to) = to {
            rows::insert(to, table, &page).await?;
        }
    }
}
