//! `saas backup`: saving the database, and making a backup the database again.

mod bucket;
mod listed;
mod pruned;
mod restore;
mod restored;
mod tenant;
mod told;
mod verified;

use std::process::ExitCode;

use saas_config::Settings;
use saas_domain::{Clock, Random};
use saas_recovery::{
    Directory, Making, Source, Stop,
    age::{Identity, KeyTextError, Recipient},
    create,
    format::Compression,
};
use saas_security::FileSeal;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    Failure,
    cli::{self, Output},
    commands::{block_on, print, root_secret, tool_settings},
};
use bucket::bucket;
use told::size;

/// Runs `saas backup …`.
pub(crate) fn run(command: &cli::Backup) -> Result<ExitCode, Failure> {
    let settings = tool_settings()?;
    match command {
        cli::Backup::Create(output) => made(&settings, output),
        cli::Backup::Upload => bucket::upload(&settings),
        cli::Backup::List(output) => listed::run(&settings, output),
        cli::Backup::Verify { files, all } => verified::run(&settings, files, *all),
        cli::Backup::Prune { dry_run } => pruned::run(&settings, *dry_run),
        cli::Backup::Restore(restore) => restore::run(&settings, restore),
        cli::Backup::Restored => restored::run(&settings),
    }
}

fn place(settings: &Settings) -> Result<Directory, Failure> {
    Ok(Directory::open(&settings.backup.directory)?)
}

fn seal(settings: &Settings) -> Result<FileSeal, Failure> {
    Ok(FileSeal::of_backups(&root_secret(settings)?))
}

/// Runs work that Ctrl-C and SIGTERM stop without leaving anything half behind.
pub(super) fn stoppable<T, E>(work: impl AsyncFnOnce(&Stop) -> Result<T, E>) -> Result<T, Failure>
where
    Failure: From<E>,
{
    block_on(async {
        let stop = Stop::default();
        let (mut interrupt, mut terminate) = (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        );
        let told = async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            stop.now();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            done = work(&stop) => Ok(done?),
            () = told => Err(Failure::failed("stopped")),
        }
    })
}

/// How backups are made by these settings.
fn making(settings: &Settings) -> Result<Making, Failure> {
    let backup = &settings.backup;
    let recipients = backup.recipients.iter().map(|text| {
        let wrong =
            |error: KeyTextError| Failure::correctable(format!("BACKUP_RECIPIENTS: {error}"));
        text.parse::<Recipient>().map_err(wrong)
    });
    Ok(Making {
        place: place(settings)?,
        copies: bucket(settings)?,
        compression: if backup.is_gzip {
            Compression::Gzip
        } else {
            Compression::Zstd
        },
        recipients: recipients.collect::<Result<_, _>>()?,
        seal: seal(settings)?,
        clock: Clock::system(),
        random: Random::os(),
    })
}

/// What decrypts backups, if there is anything.
fn identity(settings: &Settings) -> Result<Option<Identity>, Failure> {
    let Some(text) = &settings.backup.identity else {
        return Ok(None);
    };
    let wrong = |error: KeyTextError| Failure::correctable(format!("BACKUP_IDENTITY: {error}"));
    text.expose().parse().map(Some).map_err(wrong)
}

fn made(settings: &Settings, output: &Output) -> Result<ExitCode, Failure> {
    let source = Source::new(settings.database_url.expose())?;
    let making = making(settings)?;
    let created = stoppable(async |stop| create(&source, &making, stop).await)?;
    let manifest = &created.manifest;
    if output.json {
        let told = json!({
            "file": created.path,
            "copy": created.copy,
            "bytes": created.bytes,
            "seconds": created.took.as_secs_f64(),
            "manifest": manifest,
        });
        print(&format!("{told:#}\n"))?;
    } else {
        let copy = created.copy.map(|url| format!("{url}\n"));
        print(&format!(
            "{}\n{}{} of {}, {} rows in {} tables, in {:.1} s\n",
            created.path.display(),
            copy.unwrap_or_default(),
            size(created.bytes),
            manifest.engine.as_str(),
            manifest.rows(),
            manifest.tables.len(),
            created.took.as_secs_f64()
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
