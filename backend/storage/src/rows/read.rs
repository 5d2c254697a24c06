//! Reading rows, some at a time.

use saas_domain::TenantId;
use sea_orm::{ConnectionTrait as _, DbBackend, QueryResult, Statement, Value};

use super::{Cell, ROWS, Row, Table, catalogue::quoted};
use crate::{StorageError, SystemTx, transaction::OpenTransaction as _};

/// Whose rows of a table are meant.
#[derive(Clone, Copy, Debug)]
pub enum Whose<'a> {
    /// All of them.
    Everybodys,
    /// Those with this tenant in this column.
    Tenants(&'a str, TenantId),
}

impl Whose<'_> {
    /// As the condition of a statement whose first value, if there is one, is the tenant.
    pub(super) fn condition(self) -> (String, Vec<Value>) {
        match self {
            Self::Everybodys => ("true".to_owned(), Vec::new()),
            Self::Tenants(column, tenant) => {
                let condition = format!("{} = $1", quoted(column));
                (condition, vec![tenant.as_uuid().into()])
            }
        }
    }
}

/// How many rows there are.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn count(tx: &SystemTx, table: &Table, whose: Whose<'_>) -> Result<u64, StorageError> {
    let (condition, values) = whose.condition();
    let table = quoted(&table.name);
    let sql = format!("SELECT count(*) FROM {table} WHERE {condition}");
    let row = tx.connection().query_one_raw(statement(tx, sql, values));
    let row = row.await?.ok_or(StorageError::NotFound)?;
    let count: i64 = row.try_get_by_index(0)?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Begins to read rows, in no particular order. Read to the end before another reading of the same
/// transaction begins.
pub fn pages<'a>(tx: &'a SystemTx, table: &'a Table, whose: Whose<'a>) -> Pages<'a> {
    Pages {
        tx,
        table,
        whose,
        place: Place::Beginning,
        lock: "",
    }
}

/// A reading under way.
#[derive(Debug)]
pub struct Pages<'a> {
    tx: &'a SystemTx,
    table: &'a Table,
    whose: Whose<'a>,
    place: Place,
    lock: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Beginning,
    /// On PostgreSQL, a cursor stands there. On SQLite, after the row of this number.
    After(i64),
    End,
}

impl Pages<'_> {
    /// Keeps everybody else from changing the rows until the transaction ends. SQLite has one writer
    /// anyway.
    #[must_use]
    pub fn locked(self) -> Self {
        Self {
            lock: " FOR UPDATE",
            ..self
        }
    }

    /// Some more rows; none, and only then, at the end.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when the database is away.
    pub async fn next(&mut self) -> Result<Vec<Row>, StorageError> {
        let rows = match (self.tx.connection().get_database_backend(), self.place) {
            (_, Place::End) => return Ok(Vec::new()),
            (DbBackend::Postgres, Place::Beginning) => {
                let (condition, values) = self.whose.condition();
                let select = select(self.tx, self.table, &condition);
                let (cursor, lock) = (self.cursor(), self.lock);
                let declare = format!("DECLARE {cursor} NO SCROLL CURSOR FOR {select}{lock}");
                let declare = statement(self.tx, declare, values);
                self.tx.connection().execute_raw(declare).await?;
                self.fetch().await?
            }
            (DbBackend::Postgres, Place::After(_)) => self.fetch().await?,
            (_, Place::Beginning) => self.after(i64::MIN).await?,
            (_, Place::After(number)) => self.after(number).await?,
        };
        if rows.is_empty() {
            self.place = Place::End;
            if self.tx.connection().get_database_backend() == DbBackend::Postgres {
                let close = statement(self.tx, format!("CLOSE {}", self.cursor()), []);
                self.tx.connection().execute_raw(close).await?;
            }
        }
        rows.iter().map(|row| read(self.table, row)).collect()
    }

    /// Of the table's own name: a statement that was prepared keeps its columns.
    fn cursor(&self) -> String {
        quoted(&format!("pages_of_{}", self.table.name))
    }

    async fn fetch(&mut self) -> Result<Vec<QueryResult>, StorageError> {
        self.place = Place::After(0);
        let fetch = format!("FETCH {ROWS} FROM {}", self.cursor());
        let fetch = statement(self.tx, fetch, []);
        Ok(self.tx.connection().query_all_raw(fetch).await?)
    }

    /// SQLite numbers its rows by itself.
    async fn after(&mut self, number: i64) -> Result<Vec<QueryResult>, StorageError> {
        let (condition, mut values) = self.whose.condition();
        values.push(number.into());
        let place = values.len();
        let condition = format!("{condition} AND rowid > ${place} ORDER BY rowid LIMIT {ROWS}");
        let statement = statement(self.tx, select(self.tx, self.table, &condition), values);
        let rows = self.tx.connection().query_all_raw(statement).await?;
        if let Some(last) = rows.last() {
            self.place = Place::After(last.try_get_by_index(self.table.columns.len())?);
        }
        Ok(rows)
    }
}

/// The rows in whose primary key of one column one of these values stands, or in whatever column is
/// named.
///
/// # Errors
/// [`StorageError::NotFound`] if there is no such column.
pub async fn having(
    tx: &SystemTx,
    table: &Table,
    whose: Whose<'_>,
    column: &str,
    among: &[Cell],
) -> Result<Vec<Row>, StorageError> {
    let place = table.place(column).ok_or(StorageError::NotFound)?;
    let kind = table.columns[place].kind;
    let mut found = Vec::new();
    for some in among.chunks(ROWS) {
        let (condition, mut values) = whose.condition();
        let before = values.len();
        values.extend(some.iter().map(|cell| cell.value(kind)));
        let places: Vec<_> = (before + 1..=values.len())
            .map(|n| format!("${n}"))
            .collect();
        let (column, places) = (quoted(column), places.join(", "));
        let condition = format!("{condition} AND {column} IN ({places})");
        let statement = statement(tx, select(tx, table, &condition), values);
        for row in tx.connection().query_all_raw(statement).await? {
            found.push(read(table, &row)?);
        }
    }
    Ok(found)
}

/// Made of names from the catalogue, which are quoted; values are bound.
fn select(tx: &SystemTx, table: &Table, condition: &str) -> String {
    let backend = tx.connection().get_database_backend();
    let columns = table.columns.iter();
    let columns = columns.map(|column| column.kind.selected(&quoted(&column.name), backend));
    let mut columns: Vec<_> = columns.collect();
    if backend == DbBackend::Sqlite {
        columns.push("rowid".to_owned());
    }
    let (columns, name) = (columns.join(", "), quoted(&table.name));
    format!("SELECT {columns} FROM {name} WHERE {condition}")
}

fn read(table: &Table, row: &QueryResult) -> Result<Row, StorageError> {
    let columns = table.columns.iter().enumerate();
    columns
        .map(|(place, column)| Cell::read(row, place, column.kind))
        .collect()
}

pub(super) fn statement(
    tx: &SystemTx,
    sql: String,
    values: impl IntoIterator<Item = Value>,
) -> Statement {
    Statement::from_sql_and_values(tx.connection().get_database_backend(), sql, values)
}
