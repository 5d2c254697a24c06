//! `saas user`: what the operator of the machine does for people.

use std::{path::Path, process::ExitCode, time::Duration};

use http::Method;
use saas_config::{DatabaseKind, Settings};
use saas_core::ResetError;
use saas_domain::{Clock, EmailAddress, Random};
use saas_storage::{Database, DatabaseSettings};
use serde::Deserialize;
use serde_json::json;

use crate::{
    DataDir, DataDirError, Failure,
    commands::{ask::ask, block_on, print, tell, tool_settings},
    platform::run_file,
};

const FAILURE: &str = "the password was not reset";
/// Hashing waits its turn behind those who sign in.
const PATIENCE: Duration = Duration::from_secs(15);

#[derive(Deserialize)]
struct Answer {
    one_time_password: String,
}

/// Prints a new one-time password for the person; nothing else, so that a script can take it.
pub(crate) fn reset_password(email: &EmailAddress) -> Result<ExitCode, Failure> {
    let settings = tool_settings()?;
    // First of all, for it makes nothing: a mistaken DATA_DIR stays as it was.
    check_schema(&settings)?;
    let password = match settings.database_kind() {
        DatabaseKind::Postgres => in_database(&settings, email)?,
        // One process per SQLite file: the platform itself, if it runs.
        DatabaseKind::Sqlite => match DataDir::open_in_turn(&settings.data_dir) {
            Ok(_held) => in_database(&settings, email)?,
            Err(in_use @ DataDirError::InUse { .. }) => by_platform(&settings, email, in_use)?,
            Err(other) => return Err(other.into()),
        },
    };
    print(&format!("{password}\n"))?;
    tell(&format!(
        "{email} has to change it at the first sign-in; their sessions have ended"
    ));
    Ok(ExitCode::SUCCESS)
}

fn check_schema(settings: &Settings) -> Result<(), Failure> {
    let url = settings.database_url.expose();
    let states = block_on(async { Ok(saas_migration::status(url).await?) })?;
    if states.iter().all(|state| state.is_applied) {
        return Ok(());
    }
    Err(Failure::correctable(
        "the database is not of this version yet; start the platform once, or run `saas migrate up`",
    ))
}

/// By the core that holds the data directory.
fn by_platform(
    settings: &Settings,
    email: &EmailAddress,
    in_use: DataDirError,
) -> Result<String, Failure> {
    let Some(core) = core_at(&settings.data_dir) else {
        return Err(in_use.into());
    };
    let url = format!("{core}/internal/v1/users/reset-password");
    let body = json!({ "email": email });
    let answer: Answer = ask(settings, Method::POST, &url, Some(&body), PATIENCE, FAILURE)?;
    Ok(answer.one_time_password)
}

fn core_at(data_dir: &Path) -> Option<String> {
    run_file::read(data_dir)?.core
}

/// In the database. On PostgreSQL, cores that run hear of it by the change log.
fn in_database(settings: &Settings, email: &EmailAddress) -> Result<String, Failure> {
    let pool = DatabaseSettings {
        url: settings.database_url.expose().to_owned(),
        min_connections: 0,
        max_connections: 2,
    };
    block_on(async {
        let db = Database::open(pool, Clock::system(), Random::os()).await?;
        let reset = saas_core::reset_password(&db, settings.access_token_lifetime, email).await;
        reset.map_err(|error| match error {
            ResetError::Storage(error) => error.into(),
            other => Failure::failed(FAILURE).because(other),
        })
    })
}
