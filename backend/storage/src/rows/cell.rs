//! A value of a row, of the kinds that the schema uses.

use chrono::{DateTime, Utc};
use sea_orm::{DbBackend, QueryResult, Value};
use uuid::Uuid;

use crate::StorageError;

/// What a column holds, whatever the database calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellKind {
    /// True or false.
    Flag,
    /// An integer of any width.
    Number,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// A UUID.
    Id,
    /// A moment, to the microsecond.
    Moment,
    /// JSON.
    Json,
}

impl CellKind {
    /// By the type's name: what PostgreSQL says, and what was declared on SQLite.
    pub(super) fn of(declared: &str) -> Option<Self> {
        Some(match declared {
            "bool" | "boolean" => Self::Flag,
            "int2" | "int4" | "int8" | "smallint" | "integer" | "bigint" => Self::Number,
            "text" | "varchar" => Self::Text,
            "bytea" | "blob" => Self::Bytes,
            "uuid" | "uuid_text" => Self::Id,
            "timestamptz" | "timestamp_with_timezone_text" => Self::Moment,
            "json" | "jsonb" | "json_text" | "jsonb_text" => Self::Json,
            _ => return None,
        })
    }

    /// The column as it is selected, so that each kind comes in one form.
    pub(super) fn selected(self, column: &str, backend: DbBackend) -> String {
        match (backend, self) {
            (DbBackend::Postgres, Self::Json | Self::Text) => format!("{column}::text"),
            (DbBackend::Postgres, Self::Number) => format!("{column}::bigint"),
            _ => column.to_owned(),
        }
    }

    /// The place of a value, which PostgreSQL would take for text otherwise.
    pub(super) fn placeholder(self, number: usize, backend: DbBackend) -> String {
        match (backend, self) {
            (DbBackend::Postgres, Self::Json) => format!("${number}::json"),
            _ => format!("${number}"),
        }
    }
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// None, in a column of any kind.
    Null,
    /// See [`CellKind::Flag`].
    Flag(bool),
    /// See [`CellKind::Number`].
    Number(i64),
    /// See [`CellKind::Text`].
    Text(String),
    /// See [`CellKind::Bytes`].
    Bytes(Vec<u8>),
    /// See [`CellKind::Id`].
    Id(Uuid),
    /// See [`CellKind::Moment`].
    Moment(DateTime<Utc>),
    /// See [`CellKind::Json`]; as text, in which spaces and the order of members mean nothing.
    Json(String),
}

/// The values of a row, in the order of its table's columns.
pub type Row = Vec<Cell>;

impl Cell {
    pub(super) fn read(
        row: &QueryResult,
        index: usize,
        kind: CellKind,
    ) -> Result<Self, StorageError> {
        let cell = match kind {
            CellKind::Flag => row.try_get_by_index::<Option<bool>>(index)?.map(Self::Flag),
            CellKind::Number => row
                .try_get_by_index::<Option<i64>>(index)?
                .map(Self::Number),
            CellKind::Text => row
                .try_get_by_index::<Option<String>>(index)?
                .map(Self::Text),
            CellKind::Bytes => row
                .try_get_by_index::<Option<Vec<u8>>>(index)?
                .map(Self::Bytes),
            CellKind::Id => row.try_get_by_index::<Option<Uuid>>(index)?.map(Self::Id),
            CellKind::Moment => row
                .try_get_by_index::<Option<DateTime<Utc>>>(index)?
                .map(Self::Moment),
            CellKind::Json => row
                .try_get_by_index::<Option<String>>(index)?
                .map(Self::Json),
        };
        Ok(cell.unwrap_or(Self::Null))
    }

    pub(super) fn value(&self, kind: CellKind) -> Value {
        match self {
            Self::Null => match kind {
                CellKind::Flag => None::<bool>.into(),
                CellKind::Number => None::<i64>.into(),
                CellKind::Text | CellKind::Json => None::<String>.into(),
                CellKind::Bytes => None::<Vec<u8>>.into(),
                CellKind::Id => None::<Uuid>.into(),
                CellKind::Moment => None::<DateTime<Utc>>.into(),
            },
            Self::Flag(value) => (*value).into(),
            Self::Number(value) => (*value).into(),
            Self::Text(value) | Self::Json(value) => value.clone().into(),
            Self::Bytes(value) => value.clone().into(),
            Self::Id(value) => (*value).into(),
            Self::Moment(value) => (*value).into(),
        }
    }
}
