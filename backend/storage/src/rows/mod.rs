//! Rows of any table, just as they are, for those who move them to another database or bring them
//! back from a backup. All goes by the database's own catalogue: a table that comes later is not
//! forgotten, and a column neither.

mod catalogue;
mod cell;
mod read;
mod write;

pub use catalogue::{Column, Reference, Table, table};
pub use cell::{Cell, CellKind, Row};
pub use read::{Pages, Whose, count, having, pages};
pub use write::{delete, insert, insert_missing, replace};

/// Values in one statement: below what SQLite and PostgreSQL allow.
const VALUES: usize = 10_000;
/// Rows read or written at once.
const ROWS: usize = 500;
