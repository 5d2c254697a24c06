//! Why PostgreSQL could not be reached, in words that lead to the remedy.

use std::{io, time::Duration};

use sea_orm_migration::sea_orm::{
    DbErr, RuntimeErr,
    sqlx::{Connection as _, Error, postgres::PgConnection},
};

use crate::MigrationError;

/// How long the last attempt may take, which is made to learn the reason.
const ONCE_MORE: Duration = Duration::from_secs(3);

/// The error for a pool that could not be opened.
pub(crate) async fn why(url: &str, error: &DbErr) -> MigrationError {
    let driver = match error {
        DbErr::Conn(RuntimeErr::SqlxError(driver)) => driver,
        other => return told(other.to_string(), CHECK),
    };
    if !matches!(**driver, Error::PoolTimedOut) {
        return of(driver);
    }
    // The pool tried again and again, and says only that time is over.
    match tokio::time::timeout(ONCE_MORE, PgConnection::connect(url)).await {
        Ok(Err(error)) => of(&error),
        _ => told("nobody answers".to_owned(), RUNNING),
    }
}

const CHECK: &str = "check DATABASE_URL";
const AUTHORITY: &str = "name the server's authority in TLS_CA_FILE (or as sslrootcert in DATABASE_URL) and the host as its certificate does";
const RUNNING: &str =
    "check host and port in DATABASE_URL, that the server runs, and that no firewall is between";

fn told(why: String, remedy: &'static str) -> MigrationError {
    MigrationError::Connect { why, remedy }
}

fn of(error: &Error) -> MigrationError {
    match error {
        Error::Database(refused) => {
            let remedy = match refused.code().as_deref() {
                Some("28P01" | "28000") => "correct the user and password in DATABASE_URL",
                Some("3D000") => "create it, or correct the name at the end of DATABASE_URL",
                Some("53300") => {
                    "raise max_connections of the server, or lower DATABASE_MAX_CONNECTIONS"
                }
                Some("57P03") => "wait until the server has started, and try again",
                _ => CHECK,
            };
            told(refused.message().to_owned(), remedy)
        }
        // The library's word on who answers; the system's own are of other kinds.
        Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
            told(error.to_string(), AUTHORITY)
        }
        Error::Io(error) => told(error.to_string(), RUNNING),
        Error::Tls(error) => told(
            error.to_string(),
            "correct sslmode in DATABASE_URL, or name the server's authority in TLS_CA_FILE",
        ),
        Error::Configuration(error) => told(error.to_string(), CHECK),
        other => told(other.to_string(), CHECK),
    }
}
