//! `saas backup verify`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use saas_config::Settings;
use saas_domain::Clock;
use saas_recovery::{
    Backup, Bucket, BucketError, Directory, RecoveryError, Stop, age::Identity, format::Manifest,
    is_of_now,
};
use tokio::task::spawn_blocking;

use super::{
    bucket::{bucket, needed},
    identity, place,
    progress::Progress,
    seal, stoppable,
    told::size,
};
use crate::{Failure, commands::print};

pub(super) fn run(settings: &Settings, files: &[PathBuf], all: bool) -> Result<ExitCode, Failure> {
    let (seal, identity, place) = (seal(settings)?, identity(settings)?, place(settings)?);
    let is_far = |file: &PathBuf| file.to_str().is_some_and(Bucket::is_url);
    let bucket = if files.is_empty() {
        bucket(settings)?
    } else if files.iter().any(is_far) {
        Some(needed(settings)?)
    } else {
        None
    };
    let is_sound = stoppable(async |stop| -> Result<bool, Failure> {
        let files = match files {
            [] => chosen(&place, bucket.as_ref(), all, stop).await?,
            named => named.to_vec(),
        };
        let mut is_sound = true;
        for file in &files {
            let line = match read(file, &place, bucket.as_ref(), identity.clone(), stop).await {
                Err(error) if is_stop(&error) => return Err(Failure::failed("stopped")),
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
                        "failed  {}: sealed under another SECRET_KEY, which SECRET_KEY_PREVIOUS may name, or its manifest was altered",
                        file.display()
                    )
                }
                Err(error) => {
                    is_sound = false;
                    format!("failed  {}", Failure::from(error))
                }
            };
            print(&format!("{}\n", crate::terminal::plain(&line)))?;
        }
        Ok(is_sound)
    })?;
    Ok(ExitCode::from(u8::from(!is_sound)))
}

fn is_stop(error: &RecoveryError) -> bool {
    match error {
        RecoveryError::Stopped => true,
        RecoveryError::Bucket(source) => matches!(**source, BucketError::Stopped),
        _ => false,
    }
}

/// All there are, or the newest.
async fn chosen(
    place: &Directory,
    bucket: Option<&Bucket>,
    all: bool,
    stop: &Stop,
) -> Result<Vec<PathBuf>, Failure> {
    let now = Clock::system().now();
    let mut names = place.list()?;
    // Of a time to come is none the newest, unless there are no others.
    names.sort_by_key(|(name, _)| !is_of_now(name, now));
    let names = names.into_iter();
    let mut files: Vec<PathBuf> = names.map(|(name, _)| place.file(&name)).collect();
    if let Some(bucket) = bucket
        && (all || files.is_empty())
    {
        let mut names = bucket.list(stop).await?;
        names.sort_by_key(|(name, _)| !is_of_now(name, now));
        let names = names.into_iter();
        files.extend(names.map(|(name, _)| PathBuf::from(bucket.url(&name))));
    }
    if !all {
        files.truncate(1);
    }
    if files.is_empty() {
        return Err(Failure::failed(format!(
            "there is no backup in {}; make one with `saas backup create`",
            place.path().display()
        )));
    }
    Ok(files)
}

async fn read(
    file: &Path,
    place: &Directory,
    bucket: Option<&Bucket>,
    identity: Option<Identity>,
    stop: &Stop,
) -> Result<Manifest, RecoveryError> {
    let url = file.to_str().filter(|text| Bucket::is_url(text));
    let fetched = match (bucket, url) {
        (Some(bucket), Some(url)) => Some(bucket.fetch(url, place, stop).await?),
        _ => None,
    };
    let backup = match &fetched {
        Some(fetched) => fetched.backup(identity),
        None => Backup::new(file, identity)?,
    };
    let stop = stop.counting_anew();
    let total = backup.peek().map(|manifest| manifest.content.bytes).ok();
    let _shown = Progress::show(&stop, total);
    let verified = spawn_blocking(move || backup.verify(&stop)).await;
    verified.map_err(|error| RecoveryError::Read(std::io::Error::other(error)))?
}
