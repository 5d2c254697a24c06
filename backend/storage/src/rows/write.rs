//! Writing rows, and taking them away.

use saas_domain::TenantId;
use sea_orm::{ConnectionTrait as _, Value};

use super::{ROWS, Row, Table, VALUES, Whose, catalogue::quoted, read::statement};
use crate::{StorageError, SystemTx, transaction::OpenTransaction as _};

/// A row with the same key belongs to another tenant.
#[derive(Debug, thiserror::Error)]
#[error("a row of {0} with the same key belongs to another tenant")]
struct Anothers(String);

/// Adds rows.
///
/// # Errors
/// [`StorageError::Conflict`] if one is there already, or names something that is not there.
pub async fn insert(tx: &SystemTx, table: &Table, rows: &[Row]) -> Result<(), StorageError> {
    write(tx, table, rows, "", None).await.map(drop)
}

/// Adds those rows whose key is not there yet, and returns how many these were.
///
/// # Errors
/// [`StorageError::Conflict`] if another key than the primary one is there already.
pub async fn insert_missing(
    tx: &SystemTx,
    table: &Table,
    rows: &[Row],
) -> Result<u64, StorageError> {
    let clause = format!("ON CONFLICT ({}) DO NOTHING", key(table));
    write(tx, table, rows, &clause, None).await
}

/// Adds rows of a tenant; one whose key is there already takes its place, and what refers to it
/// stays.
///
/// # Errors
/// [`StorageError::Other`] if a row of another tenant has the key.
pub async fn replace(
    tx: &SystemTx,
    table: &Table,
    (column, tenant): (&str, TenantId),
    rows: &[Row],
) -> Result<(), StorageError> {
    let others = table.columns.iter().filter(|column| !column.is_key);
    let set = others.map(|column| {
        let name = quoted(&column.name);
        format!("{name} = excluded.{name}")
    });
    let (name, set) = (quoted(&table.name), set.collect::<Vec<_>>().join(", "));
    let clause = format!(
        "ON CONFLICT ({}) DO UPDATE SET {set} WHERE {name}.{} = ",
        key(table),
        quoted(column)
    );
    let written = write(tx, table, rows, &clause, Some(tenant)).await?;
    if written != rows.len() as u64 {
        return Err(StorageError::Other(Anothers(table.name.clone()).into()));
    }
    Ok(())
}

/// Takes away the rows of a tenant that have these keys, and returns how many there were.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn delete(
    tx: &SystemTx,
    table: &Table,
    (column, tenant): (&str, TenantId),
    keys: &[Row],
) -> Result<u64, StorageError> {
    let kinds: Vec<_> = table.key().map(|place| table.columns[place].kind).collect();
    let mut deleted = 0;
    for some in keys.chunks(ROWS) {
        let (condition, mut values) = Whose::Tenants(column, tenant).condition();
        let tuples = some.iter().map(|key| {
            let places = key.iter().zip(&kinds).map(|(cell, kind)| {
                values.push(cell.value(*kind));
                format!("${}", values.len())
            });
            format!("({})", places.collect::<Vec<_>>().join(", "))
        });
        let tuples = tuples.collect::<Vec<_>>().join(", ");
        let (name, key) = (quoted(&table.name), key(table));
        let sql = format!("DELETE FROM {name} WHERE {condition} AND ({key}) IN (VALUES {tuples})");
        let done = tx.connection().execute_raw(statement(tx, sql, values));
        deleted += done.await?.rows_affected();
    }
    Ok(deleted)
}

/// The primary key's columns, as SQL lists them.
fn key(table: &Table) -> String {
    let names = table.key().map(|place| quoted(&table.columns[place].name));
    names.collect::<Vec<_>>().join(", ")
}

/// Made of names from the catalogue, which are quoted; values are bound. A tenant is bound behind
/// the clause.
async fn write(
    tx: &SystemTx,
    table: &Table,
    rows: &[Row],
    clause: &str,
    tenant: Option<TenantId>,
) -> Result<u64, StorageError> {
    let backend = tx.connection().get_database_backend();
    let names: Vec<_> = table.columns.iter().map(|one| quoted(&one.name)).collect();
    let names = names.join(", ");
    let at_once = (VALUES / table.columns.len().max(1)).clamp(1, ROWS);
    let mut written = 0;
    for some in rows.chunks(at_once) {
        let mut values: Vec<Value> = Vec::with_capacity(some.len() * table.columns.len() + 1);
        let tuples = some.iter().map(|row| {
            let places = row.iter().zip(&table.columns).map(|(cell, column)| {
                values.push(cell.value(column.kind));
                column.kind.placeholder(values.len(), backend)
            });
            format!("({})", places.collect::<Vec<_>>().join(", "))
        });
        let tuples = tuples.collect::<Vec<_>>().join(", ");
        let last = tenant.map_or_else(String::new, |tenant| {
            values.push(tenant.as_uuid().into());
            format!("${}", values.len())
        });
        let name = quoted(&table.name);
        let sql = format!("INSERT INTO {name} ({names}) VALUES {tuples} {clause}{last}");
        let done = tx.connection().execute_raw(statement(tx, sql, values));
        written += done.await?.rows_affected();
    }
    Ok(written)
}
