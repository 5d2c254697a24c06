//! `saas migrate copy`: the whole platform moves to another database.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use saas_config::Settings;
use saas_domain::{Clock, Random};
use saas_recovery::{Copied, Source, copy, plan_copy};
use saas_storage::{Database, DatabaseSettings};

use crate::{
    DataDir, Failure, cli,
    commands::{backup::stoppable, block_on, print, root_secret, tool_settings},
};

pub(super) fn run(command: &cli::Copy) -> Result<ExitCode, Failure> {
    let settings = tool_settings()?;
    let of_settings = settings.database_url.expose();
    let from = command.from.as_deref().unwrap_or(of_settings);
    let to = command.to.as_deref().unwrap_or(of_settings);
    let _held = hold(&settings, &[from, to])?;
    let (source, target) = (address(from, "--from")?, address(to, "--to")?);
    let (clock, random) = (Clock::system(), Random::os());
    let plan = stoppable(async |_| plan_copy(&source, &target, &clock, &random).await)?;
    check_secret(&settings, from)?;
    if command.dry_run {
        tell(&plan, "would be copied")?;
        if plan.creates {
            print("the target is not there yet and would be made\n")?;
        }
        print("nothing was changed\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    let copied =
        stoppable(async |stop| copy(&source, &target, &plan, &clock, &random, stop).await)?;
    tell(&copied, "copied")?;
    print(&format!(
        "copied from {} to {} in {:.1} s, and compared; set DATABASE_URL to the target and start the platform with the same SECRET_KEY\n",
        source.engine().as_str(),
        target.engine().as_str(),
        copied.took.as_secs_f64()
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn tell(copied: &Copied, done: &str) -> Result<(), Failure> {
    for (table, rows) in copied.tables.iter().filter(|(_, rows)| *rows > 0) {
        print(&format!("{done}  {table}: {rows} rows\n"))?;
    }
    Ok(())
}

fn address(url: &str, option: &str) -> Result<Source, Failure> {
    Source::new(url).map_err(|_| {
        Failure::correctable(format!(
            "{option} is no address of a database; give sqlite:///path/saas.db or postgresql://user@host:5432/name"
        ))
    })
}

/// Holds the data directories that the files lie in: a platform that runs there has to be stopped,
/// and cannot be started meanwhile.
fn hold(settings: &Settings, urls: &[&str]) -> Result<Vec<DataDir>, Failure> {
    let mut directories: Vec<PathBuf> = Vec::new();
    for url in urls {
        let Some(rest) = url.strip_prefix("sqlite:") else {
            continue;
        };
        let path = rest.strip_prefix("//").unwrap_or(rest);
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        let beside = Path::new(path).parent().unwrap_or(Path::new("."));
        // Only where a platform ran is there a lock to be held.
        if beside.join("lock").exists() {
            directories.push(beside.canonicalize()?);
        }
        if *url == settings.database_url.expose() && settings.data_dir.exists() {
            directories.push(settings.data_dir.canonicalize()?);
        }
    }
    directories.sort();
    directories.dedup();
    let held = directories.iter().map(|one| DataDir::open_in_turn(one));
    Ok(held.collect::<Result<_, _>>()?)
}

/// Under another secret, the platform could not read what it copied: nobody's session would go on.
fn check_secret(settings: &Settings, from: &str) -> Result<(), Failure> {
    let root = root_secret(settings)?;
    let pool = DatabaseSettings {
        url: from.to_owned(),
        min_connections: 0,
        max_connections: 2,
    };
    let opens = block_on(async {
        let database = Database::open(pool, Clock::system(), Random::os()).await?;
        let opens = saas_core::opens_a_signing_key(&database, &root).await;
        database.close().await;
        Ok(opens?)
    })?;
    if opens {
        return Ok(());
    }
    Err(Failure::correctable(
        "the SECRET_KEY of these settings does not open the signing keys of the source; set the one that the platform ran with",
    ))
}
