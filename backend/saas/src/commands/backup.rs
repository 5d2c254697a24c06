//! `saas backup`: saving the database, and making a backup the database again.

mod bucket;
mod drill;
mod listed;
mod once;
mod progress;
mod pruned;
mod restore;
mod restored;
mod tenant;
mod told;
mod verified;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use saas_config::Settings;
use saas_domain::{Clock, Random};
use saas_recovery::{
    Created, Directory, Making, Source, Stop,
    age::{Identity, KeyTextError, Recipient},
    create,
    format::Compression,
};
use saas_security::FileSeal;
use serde_json::{Map, Value, json};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    Failure,
    backups::hook::Event,
    cli::{self, Output},
    commands::{block_on, print, root_secret, serve, tell, tool_settings},
    platform::Form,
};
use bucket::bucket;
use progress::Progress;
pub(crate) use pruned::prune;
pub(crate) use told::ago;
use told::size;

/// Runs `saas backup …`.
pub(crate) fn run(command: &cli::Backup) -> Result<ExitCode, Failure> {
    match command {
        cli::Backup::Schedule { once: false } => serve::run(Form::Backup),
        cli::Backup::Schedule { once: true } => once::run(),
        cli::Backup::Create(output) => made(&tool_settings()?, output),
        cli::Backup::Upload => bucket::upload(&tool_settings()?),
        cli::Backup::List(output) => listed::run(&tool_settings()?, output),
        cli::Backup::Verify { files, all } => {
            let settings = tool_settings()?;
            let files = files.iter().map(|file| meant(&settings, file));
            verified::run(&settings, &files.collect::<Vec<_>>(), *all)
        }
        cli::Backup::Prune { dry_run } => pruned::run(&tool_settings()?, *dry_run),
        cli::Backup::Restore(restore) => restore::run(&tool_settings()?, restore),
        cli::Backup::Restored => restored::run(&tool_settings()?),
        cli::Backup::Drill(command) => drill::run(&tool_settings()?, command),
    }
}

pub(crate) fn place(settings: &Settings) -> Result<Directory, Failure> {
    let place = Directory::open(&settings.backup.directory)?;
    if place.is_open_to_everybody() {
        tell(&format!(
            "everybody on this machine may write to {} (BACKUP_DIR), and so remove or add backups; take that right away (chmod o-w)",
            place.path().display()
        ));
    }
    Ok(place)
}

/// The file of this path or, if there is none, of this bare name in `BACKUP_DIR`, as `list` prints it.
fn meant(settings: &Settings, file: &Path) -> PathBuf {
    let is_bare = file.parent() == Some(Path::new(""));
    let listed = settings.backup.directory.join(file);
    if is_bare && !file.exists() && listed.exists() {
        return listed;
    }
    file.to_owned()
}

pub(crate) fn seal(settings: &Settings) -> Result<FileSeal, Failure> {
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
            done = work(&stop) => done.map_err(Into::into),
            () = told => Err(Failure::failed("stopped")),
        }
    })
}

/// The same, with a line about how far it is for people at a terminal.
fn watched<T, E>(
    total: Option<u64>,
    work: impl AsyncFnOnce(&Stop) -> Result<T, E>,
) -> Result<T, Failure>
where
    Failure: From<E>,
{
    stoppable(async |stop| {
        let _shown = Progress::show(stop, total);
        work(stop).await
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
pub(crate) fn identity(settings: &Settings) -> Result<Option<Identity>, Failure> {
    let Some(text) = &settings.backup.identity else {
        return Ok(None);
    };
    let wrong = |error: KeyTextError| Failure::correctable(format!("BACKUP_IDENTITY: {error}"));
    text.expose().parse().map(Some).map_err(wrong)
}

/// Makes a backup as the settings say.
pub(crate) async fn make(settings: &Settings, stop: &Stop) -> Result<Created, Failure> {
    let source = Source::new(settings.database_url.expose())?;
    let making = making(settings)?;
    Ok(create(&source, &making, stop).await?)
}

/// What there is to say of a backup, to whom it may concern and for the record.
pub(crate) fn facts(created: &Created) -> Map<String, Value> {
    let facts = [
        ("file", json!(created.name.to_string())),
        ("taken_at", json!(created.name.taken_at.timestamp())),
        ("bytes", json!(created.bytes)),
        ("seconds", json!(created.took.as_secs_f64())),
        ("rows", json!(created.manifest.rows())),
    ];
    let facts = facts.into_iter();
    facts
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// Says how it ended to whom the settings name.
fn tell_others(settings: &Settings, made: &Result<Created, Failure>) {
    let event = match made {
        Ok(created) => Event::succeeded(facts(created)),
        Err(failure) => Event::failed(&failure.to_string()),
    };
    if let Err(failure) = block_on(event.tell(settings)) {
        tell(&failure.to_string());
    }
}

fn made(settings: &Settings, output: &Output) -> Result<ExitCode, Failure> {
    let made = if output.json {
        stoppable(async |stop| make(settings, stop).await)
    } else {
        watched(None, async |stop| make(settings, stop).await)
    };
    tell_others(settings, &made);
    let created = made?;
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
