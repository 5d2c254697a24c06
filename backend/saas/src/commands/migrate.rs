//! `saas migrate`: the schema's changes, by hand.

mod copy;
mod rehearse;

use std::process::ExitCode;

use saas_config::{DatabaseKind, Role};
use saas_migration::{MigrationState, down, status, up_steps};
use serde_json::json;

use crate::{
    DataDir, Failure,
    cli::Migrate,
    commands::{block_on, print},
    settings,
};

/// Runs `saas migrate …`.
pub(crate) fn run(command: &Migrate) -> Result<ExitCode, Failure> {
    let settings = settings::load(Role::Tool)?;
    let changes = matches!(command, Migrate::Up { .. } | Migrate::Down { .. });
    // One process per SQLite file: a platform that runs on it migrates it itself, and commands that
    // are given at the same time take turns.
    let _held = (changes && settings.database_kind() == DatabaseKind::Sqlite)
        .then(|| DataDir::open_in_turn(&settings.data_dir))
        .transpose()?;
    let url = settings.database_url.expose();
    match command {
        Migrate::Up { steps } => {
            report(
                "applied",
                &block_on(async { Ok(up_steps(url, *steps).await?) })?,
            )?;
        }
        Migrate::Down { steps } => {
            report(
                "taken back",
                &block_on(async { Ok(down(url, *steps).await?) })?,
            )?;
        }
        Migrate::Copy(command) => return copy::run(command),
        Migrate::Status(output) => {
            let states = block_on(async { Ok(status(url).await?) })?;
            if output.json {
                print(&json(&states))?;
            } else {
                print(&table(&states))?;
            }
        }
        Migrate::Rehearse(output) => rehearse::run(&settings, output)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn report(done: &str, names: &[String]) -> Result<(), Failure> {
    if names.is_empty() {
        return print("nothing to do\n");
    }
    let lines = names.iter().map(|name| format!("{done} {name}\n"));
    print(&lines.collect::<String>())
}

fn table(states: &[MigrationState]) -> String {
    let line = |state: &MigrationState| {
        let word = if state.is_applied {
            "applied"
        } else {
            "pending"
        };
        format!("{word}  {}\n", state.name)
    };
    states.iter().map(line).collect()
}

fn json(states: &[MigrationState]) -> String {
    let items: Vec<_> = states
        .iter()
        .map(|state| json!({ "name": state.name, "is_applied": state.is_applied }))
        .collect();
    format!("{:#}\n", json!({ "items": items }))
}
