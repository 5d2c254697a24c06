//! What can go wrong between a use case and the database.

use std::error::Error;

use sea_orm::sqlx::{self, error::ErrorKind};
use sea_orm::{DbErr, RuntimeErr};

/// The error underneath, for the log.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Why a repository could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The database is away, locked, full or overloaded. Nothing was changed; trying again later
    /// may succeed, so the caller answers 503 with `Retry-After`.
    #[error("the database is not available at the moment")]
    Unavailable(#[source] Cause),
    /// A unique index or a foreign key refuses the row.
    #[error("the row conflicts with `{constraint}`")]
    Conflict {
        /// The index, `idx_<table>_<columns joined by _>` on both databases; a primary key is
        /// `<table>_pkey` on PostgreSQL, a foreign key has no name on SQLite.
        constraint: String,
        /// What the database said.
        #[source]
        source: Cause,
    },
    /// There is no such row, or it belongs to another tenant.
    #[error("there is no such row")]
    NotFound,
    /// A stored value cannot be understood: a newer program wrote it, or somebody by hand.
    #[error("{what} as it is stored cannot be understood")]
    Corrupt {
        /// Which value.
        what: &'static str,
        /// Why not.
        #[source]
        source: Cause,
    },
    /// Anything else is a mistake of ours.
    #[error("a statement failed")]
    Other(#[source] Cause),
}

impl StorageError {
    /// Whether trying again later may succeed.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// Whether the unique index or key of this name refused the row.
    pub fn conflicts_with(&self, name: &str) -> bool {
        matches!(self, Self::Conflict { constraint, .. } if constraint == name)
    }

    pub(crate) fn corrupt(what: &'static str, source: impl Into<Cause>) -> Self {
        Self::Corrupt {
            what,
            source: source.into(),
        }
    }

    /// The error itself and everything underneath, joined by colons: for a log line.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut next = self.source();
        while let Some(error) = next {
            text.push_str(": ");
            text.push_str(&error.to_string());
            next = error.source();
        }
        text
    }
}

impl From<DbErr> for StorageError {
    fn from(error: DbErr) -> Self {
        match &error {
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => Self::Unavailable(error.into()),
            DbErr::RecordNotFound(_) | DbErr::RecordNotUpdated => Self::NotFound,
            DbErr::Type(_) | DbErr::Json(_) | DbErr::TryIntoErr { .. } => {
                Self::corrupt("a column", error)
            }
            DbErr::Exec(RuntimeErr::SqlxError(cause))
            | DbErr::Query(RuntimeErr::SqlxError(cause)) => match Class::of(cause) {
                Class::Passing => Self::Unavailable(error.into()),
                Class::Conflict(constraint) => Self::Conflict {
                    constraint,
                    source: error.into(),
                },
                Class::Damaged => Self::corrupt("the database file", error),
                Class::Mistake => Self::Other(error.into()),
            },
            _ => Self::Other(error.into()),
        }
    }
}

impl From<sqlx::Error> for StorageError {
    fn from(error: sqlx::Error) -> Self {
        Self::from(DbErr::Query(RuntimeErr::SqlxError(error.into())))
    }
}

/// What a driver's error means for the caller.
enum Class {
    Passing,
    Conflict(String),
    Damaged,
    Mistake,
}

impl Class {
    fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => Self::Passing,
            sqlx::Error::Database(error) => Self::of_database(&**error),
            _ => Self::Mistake,
        }
    }

    fn of_database(error: &dyn sqlx::error::DatabaseError) -> Self {
        if matches!(
            error.kind(),
            ErrorKind::UniqueViolation | ErrorKind::ForeignKeyViolation
        ) {
            return Self::Conflict(constraint(error));
        }
        let code = error.code().unwrap_or_default();
        if error
            .try_downcast_ref::<sea_orm::SqlxPostgresError>()
            .is_some()
        {
            Self::of_sqlstate(&code)
        } else {
            Self::of_sqlite(code.parse().unwrap_or(0))
        }
    }

    /// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
    fn of_sqlstate(code: &str) -> Self {
        // Connection exceptions, insufficient resources, operator intervention, lost races; and
        // 3D000, to whoever waits at the door while the database is being replaced by another one;
        // 55000, a database that takes no connections.
        let passing = ["08", "53", "57", "58"];
        if passing.iter().any(|class| code.starts_with(class))
            || matches!(
                code,
                "3D000" | "40001" | "40P01" | "55000" | "55P03" | "25006" | "25P03"
            )
        {
            Self::Passing
        } else if code.starts_with("XX") {
            Self::Damaged
        } else {
            Self::Mistake
        }
    }

    /// <https://www.sqlite.org/rescode.html>; the low byte is the primary code.
    fn of_sqlite(code: i32) -> Self {
        match code & 0xff {
            // BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL
            5 | 6 | 7 | 8 | 9 | 10 | 13 | 14 | 15 => Self::Passing,
            // CORRUPT, NOTADB
            11 | 26 => Self::Damaged,
            _ => Self::Mistake,
        }
    }
}

/// PostgreSQL names the index. SQLite names the columns, from which follows the name that all our
/// indexes have; the index itself only where it is over an expression.
fn constraint(error: &dyn sqlx::error::DatabaseError) -> String {
    if let Some(name) = error.constraint() {
        return name.to_owned();
    }
    let message = error.message();
    let Some((_, columns)) = message.split_once("UNIQUE constraint failed: ") else {
        return message.to_owned();
    };
    if let Some(name) = columns.strip_prefix("index '") {
        return name.trim_end_matches('\'').to_owned();
    }
    let mut name = String::from("idx");
    for (position, column) in columns.split(", ").enumerate() {
        let (table, column) = column.split_once('.').unwrap_or(("", column));
        if position == 0 {
            name.push('_');
            name.push_str(table);
        }
        name.push('_');
        name.push_str(column);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_told_from_what_is_a_mistake() {
        // Admin shutdown, disk full, too many connections, deadlock, lock timeout, no connection,
        // closed to connections, replaced by another one.
        for code in [
            "57P01", "53100", "53300", "40P01", "55P03", "08006", "55000", "3D000",
        ] {
            assert!(matches!(Class::of_sqlstate(code), Class::Passing), "{code}");
        }
        for code in ["42601", "42501", "22021", "23502"] {
            assert!(matches!(Class::of_sqlstate(code), Class::Mistake), "{code}");
        }
        // BUSY and its extended form, LOCKED, IOERR_WRITE, FULL, CANTOPEN.
        for code in [5, 517, 6, 778, 13, 14] {
            assert!(matches!(Class::of_sqlite(code), Class::Passing), "{code}");
        }
        assert!(matches!(Class::of_sqlite(11), Class::Damaged));
        for code in [1, 19, 20] {
            assert!(matches!(Class::of_sqlite(code), Class::Mistake), "{code}");
        }
    }
}
