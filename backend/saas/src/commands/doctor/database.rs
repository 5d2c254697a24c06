//! The database: there, and of the schema that this program expects.

use saas_config::DatabaseKind;
use saas_migration::{MigrationError, status};
use tokio::time::timeout;

use super::{
    finding::{Finding, Status},
    patient::Patient,
};
use crate::Failure;

pub(super) async fn look(patient: &Patient) -> Finding {
    let kind = match patient.settings.database_kind() {
        DatabaseKind::Sqlite => "SQLite",
        DatabaseKind::Postgres => "PostgreSQL",
    };
    let url = patient.settings.database_url.expose();
    // A file could be another one than is meant, and has no password in its name.
    let kind = match url.strip_prefix("sqlite:") {
        Some(path) => format!("{kind} {}", path.trim_start_matches("//")),
        None => kind.to_owned(),
    };
    let kind = kind.as_str();
    let advice = "check DATABASE_URL, and that the server runs and lets this machine in";
    let states = match timeout(patient.within, status(url)).await {
        Err(_) => {
            let seen = format!("no answer within {} s", patient.within.as_secs());
            return Finding::failed(kind, seen, advice);
        }
        Ok(Err(error)) => {
            // Its sentence has the advice.
            let has_advice = matches!(
                error,
                MigrationError::Connect { .. } | MigrationError::File { .. }
            );
            let seen = Failure::failed("away").because(error).to_string();
            return if has_advice {
                Finding::as_told(kind, Status::Failed, seen)
            } else {
                Finding::failed(kind, seen, advice)
            };
        }
        Ok(Ok(states)) => states,
    };
    let missing = states.iter().filter(|state| !state.is_applied);
    let missing: Vec<&str> = missing.map(|state| state.name.as_str()).collect();
    if missing.is_empty() {
        let count = states.len();
        return Finding::ok(kind, format!("reachable, all {count} migrations applied"));
    }
    Finding::failed(
        kind,
        format!("reachable, but without {}", missing.join(", ")),
        "run `saas migrate up` with this version",
    )
}
