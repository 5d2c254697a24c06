//! `saas backup restored`.

use std::process::ExitCode;

use saas_config::{DatabaseKind, Settings};
use saas_domain::{Clock, Random};
use saas_recovery::{Source, restored};

use crate::{
    DataDir, Failure,
    commands::{block_on, print},
};

pub(super) fn run(settings: &Settings) -> Result<ExitCode, Failure> {
    // One process per SQLite file: a platform that runs on it has to be stopped first.
    let _held = (settings.database_kind() == DatabaseKind::Sqlite)
        .then(|| DataDir::open_in_turn(&settings.data_dir))
        .transpose()?;
    let database = Source::new(settings.database_url.expose())?;
    let (clock, random) = (Clock::system(), Random::os());
    let migrated = block_on(async { Ok(restored(&database, &clock, &random).await?) })?;
    for name in &migrated {
        print(&format!("migrated {name}\n"))?;
    }
    print("a new history begins, and all sessions have ended: the platform may start\n")?;
    Ok(ExitCode::SUCCESS)
}
