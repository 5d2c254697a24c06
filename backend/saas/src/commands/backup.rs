//! `saas backup`: saving the database, and making a backup the database again.

mod listed;
mod restore;
mod restored;
mod told;

use std::{path::PathBuf, process::ExitCode};

use saas_config::Settings;
use saas_domain::{Clock, Random};
use saas_recovery::{
    Backup, Directory, Making, RecoveryError, Source, Stop,
    age::{Identity, KeyTextError, Recipient},
    create,
    format::{BackupName, Compression},
};
use saas_security::FileSeal;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    Failure,
    cli::{self, Output},
    commands::{block_on, print, root_secret, tool_settings},
};
use told::{ago, size};

/// Runs `saas backup …`.
pub(crate) fn run(command: &cli::Backup) -> Result<ExitCode, Failure> {
    let settings = tool_settings()?;
    match command {
        cli::Backup::Create(output) => made(&settings, output),
        cli::Backup::List(output) => listed::run(&settings, output),
        cli::Backup::Verify { files, all } => verified(&settings, files, *all),
        cli::Backup::Prune { dry_run } => pruned(&settings, *dry_run),
        cli::Backup::Restore(restore) => restore::run(&settings, restore),
        cli::Backup::Restored => restored::run(&settings),
    }
}

fn place(settings: &Settings) -> Result<Directory, Failure> {
    Ok(Directory::open(&settings.backup.directory)?)
}

fn seal(settings: &Settings) -> Result<FileSeal, Failure> {
    Ok(FileSeal::new(&root_secret(settings)?))
}

/// Runs work that Ctrl-C and SIGTERM stop without leaving anything half behind.
pub(super) fn stoppable<T>(
    work: impl AsyncFnOnce(&Stop) -> Result<T, RecoveryError>,
) -> Result<T, Failure> {
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
            "bytes": created.bytes,
            "seconds": created.took.as_secs_f64(),
            "manifest": manifest,
        });
        print(&format!("{told:#}\n"))?;
    } else {
        print(&format!(
            "{}\n{} of {}, {} rows in {} tables, in {:.1} s\n",
            created.path.display(),
            size(created.bytes),
            manifest.engine.as_str(),
            manifest.rows(),
            manifest.tables.len(),
            created.took.as_secs_f64()
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn verified(settings: &Settings, files: &[PathBuf], all: bool) -> Result<ExitCode, Failure> {
    let (seal, identity) = (seal(settings)?, identity(settings)?);
    let files = match files {
        [] => {
            let place = place(settings)?;
            let names = place.list()?.into_iter();
            let paths: Vec<PathBuf> = names.map(|(name, _)| place.file(&name)).collect();
            let paths = if all {
                paths
            } else {
                paths.into_iter().take(1).collect()
            };
            if paths.is_empty() {
                return Err(Failure::failed(format!(
                    "there is no backup in {}; make one with `saas backup create`",
                    place.path().display()
                )));
            }
            paths
        }
        named => named.to_vec(),
    };
    let mut is_sound = true;
    for file in &files {
        let looked = Backup::new(file, identity.clone())
            .map_err(Failure::from)
            .and_then(|backup| stoppable(async |stop| backup.verify(stop)));
        let line = match looked {
            Ok(manifest) if manifest.is_sealed(&seal) => format!(
                "ok      {}: {} rows in {} tables, {} to decompress",
                file.display(),
                manifest.rows(),
                manifest.tables.len(),
                size(manifest.content.bytes)
            ),
            Ok(_) => {
                is_sound = false;
                format!(
                    "failed  {}: sealed under another SECRET_KEY, or its manifest was altered",
                    file.display()
                )
            }
            Err(failure) => {
                is_sound = false;
                format!("failed  {failure}")
            }
        };
        print(&format!("{}\n", crate::terminal::plain(&line)))?;
    }
    Ok(ExitCode::from(u8::from(!is_sound)))
}

fn pruned(settings: &Settings, dry_run: bool) -> Result<ExitCode, Failure> {
    let place = place(settings)?;
    let now = Clock::system().now();
    let days = settings.backup.retention_days;
    let surplus: Vec<BackupName> = saas_recovery::surplus(&place.list()?, days, now);
    for name in &surplus {
        if !dry_run {
            place.remove(name)?;
        }
        let done = if dry_run {
            "would be removed"
        } else {
            "removed"
        };
        print(&format!(
            "{done}  {name}, {} old\n",
            ago(now, name.taken_at)
        ))?;
    }
    if surplus.is_empty() {
        print(&format!("no backup is older than {days} days\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}
