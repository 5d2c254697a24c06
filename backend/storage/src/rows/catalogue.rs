//! What the database says of a table.

use sea_orm::{ConnectionTrait as _, DbBackend, Statement};

use super::CellKind;
use crate::{StorageError, SystemTx, transaction::OpenTransaction as _};

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns by name, which is the same order on both databases.
    pub columns: Vec<Column>,
    /// Which other tables its rows name.
    pub references: Vec<Reference>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: CellKind,
    /// Whether it is of the primary key.
    pub is_key: bool,
}

/// A column whose values are keys of another table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// The column.
    pub column: String,
    /// The other table.
    pub table: String,
}

impl Table {
    /// The place of a column in its rows.
    pub fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|one| one.name == column)
    }

    /// The places of the primary key's columns.
    pub fn key(&self) -> impl Iterator<Item = usize> + '_ {
        let columns = self.columns.iter().enumerate();
        columns.filter_map(|(place, column)| column.is_key.then_some(place))
    }
}

/// A column has a type that nothing here can carry.
#[derive(Debug, thiserror::Error)]
#[error("the column {column} of {table} has the type {declared}, of which nothing is known here")]
struct UnknownType {
    table: String,
    column: String,
    declared: String,
}

const POSTGRES_COLUMNS: &str = "SELECT a.attname::text, t.typname::text, \
    coalesce(a.attnum = ANY(i.indkey), false) \
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
    LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary \
    WHERE a.attrelid = to_regclass('public.' || quote_ident($1)) \
    AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attname COLLATE \"C\"";
const SQLITE_COLUMNS: &str =
    "SELECT name, lower(type), pk > 0 FROM pragma_table_info($1) ORDER BY name";

const POSTGRES_REFERENCES: &str = "SELECT a.attname::text, f.relname::text \
    FROM pg_constraint c JOIN pg_class f ON f.oid = c.confrelid \
    JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY(c.conkey) \
    WHERE c.contype = 'f' AND c.conrelid = to_regclass('public.' || quote_ident($1))";
const SQLITE_REFERENCES: &str = "SELECT \"from\", \"table\" FROM pragma_foreign_key_list($1)";

/// The table of this name.
///
/// # Errors
/// [`StorageError::NotFound`] if there is none, [`StorageError::Other`] if a column has a type of
/// which nothing is known here.
pub async fn table(tx: &SystemTx, name: &str) -> Result<Table, StorageError> {
    let backend = tx.connection().get_database_backend();
    let (columns, references) = match backend {
        DbBackend::Postgres => (POSTGRES_COLUMNS, POSTGRES_REFERENCES),
        _ => (SQLITE_COLUMNS, SQLITE_REFERENCES),
    };
    let ask = |sql| Statement::from_sql_and_values(backend, sql, [name.into()]);
    let mut table = Table {
        name: name.to_owned(),
        columns: Vec::new(),
        references: Vec::new(),
    };
    for row in tx.connection().query_all_raw(ask(columns)).await? {
        let column: String = row.try_get_by_index(0)?;
        let declared: String = row.try_get_by_index(1)?;
        let Some(kind) = CellKind::of(&declared) else {
            let unknown = UnknownType {
                table: table.name,
                column,
                declared,
            };
            return Err(StorageError::Other(unknown.into()));
        };
        table.columns.push(Column {
            name: column,
            kind,
            is_key: row.try_get_by_index(2)?,
        });
    }
    if table.columns.is_empty() {
        return Err(StorageError::NotFound);
    }
    for row in tx.connection().query_all_raw(ask(references)).await? {
        table.references.push(Reference {
            column: row.try_get_by_index(0)?,
            table: row.try_get_by_index(1)?,
        });
    }
    table.references.sort();
    Ok(table)
}

/// A name as SQL takes it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
