//! Making a backup.

use std::{
    io::{self, BufWriter, Write as _},
    path::PathBuf,
    time::{Duration, Instant},
};

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use saas_domain::Clock;
use saas_security::FileSeal;
use tokio::task::spawn_blocking;

use crate::{
    RecoveryError,
    format::{BackupName, Compression, Engine, Manifest, Writer},
    place::{Directory, PlaceError, Unfinished},
    postgres::{self, Programs, Snapshot},
    source::{Kind, Source},
    sqlite,
    stop::Stop,
};

/// Bytes written at once.
const CHUNK: usize = 256 * 1024;

/// How far the time in a name may be from the truth because others had the same second.
const CROWDED: TimeDelta = TimeDelta::seconds(10);

/// A backup that was made.
#[derive(Clone, Debug)]
pub struct Created {
    /// Its name.
    pub name: BackupName,
    /// Where it is.
    pub path: PathBuf,
    /// What it says of itself.
    pub manifest: Manifest,
    /// Its size in bytes.
    pub bytes: u64,
    /// How long it took.
    pub took: Duration,
}

/// Saves the database as it is at one moment. The platform goes on meanwhile.
///
/// # Errors
/// When the database or the place cannot be used, or `stop` says so. Then there is no file.
pub async fn create(
    source: &Source,
    place: &Directory,
    compression: Compression,
    seal: &FileSeal,
    clock: &Clock,
    stop: &Stop,
) -> Result<Created, RecoveryError> {
    let began = Instant::now();
    let (seal, stop, place) = (seal.clone(), stop.clone(), place.clone());
    let (name, path, manifest) = match &source.kind {
        Kind::Postgres(server) => {
            let snapshot = Snapshot::take(server.url()).await?;
            let (facts, id, server) = (snapshot.facts.clone(), snapshot.id.clone(), server.clone());
            let work = move || dumped(&server, &id, facts, &place, compression, &seal, &stop);
            let done = joined(spawn_blocking(work).await);
            snapshot.end().await;
            done?
        }
        Kind::Sqlite(file) => {
            let copy = sqlite::Copy::make(file, place.path(), clock, &stop).await?;
            let work = move || copied(&copy, &place, compression, &seal, &stop);
            joined(spawn_blocking(work).await)?
        }
    };
    let bytes = path
        .metadata()
        .map_err(|error| sqlite::unusable(&path, error))?
        .len();
    Ok(Created {
        name,
        path,
        manifest,
        bytes,
        took: began.elapsed(),
    })
}

type Done = (BackupName, PathBuf, Manifest);

/// What work on a thread of its own came to.
pub(crate) fn joined<T>(
    done: Result<Result<T, RecoveryError>, tokio::task::JoinError>,
) -> Result<T, RecoveryError> {
    done.map_err(|error| RecoveryError::Read(io::Error::other(error)))?
}

fn begin(
    place: &Directory,
    taken_at: DateTime<Utc>,
    engine: Engine,
    compression: Compression,
) -> Result<(BackupName, Writer<BufWriter<Unfinished>>), RecoveryError> {
    let mut name = BackupName {
        taken_at: taken_at.trunc_subsecs(0),
        engine,
        compression,
        is_encrypted: false,
    };
    // Two of the same second: the later one takes the next.
    let latest = name.taken_at + CROWDED;
    let file = loop {
        match place.begin(&name) {
            Err(PlaceError::Taken(_)) if name.taken_at < latest => {
                name.taken_at += TimeDelta::seconds(1);
            }
            begun => break begun?,
        }
    };
    let file = BufWriter::with_capacity(CHUNK, file);
    let writer = Writer::new(file, compression).map_err(RecoveryError::Write)?;
    Ok((name, writer))
}

fn end(
    place: (BackupName, Writer<BufWriter<Unfinished>>),
    describe: impl FnOnce(crate::format::Content) -> Manifest,
) -> Result<Done, RecoveryError> {
    let (name, writer) = place;
    let (file, manifest) = writer.finish(describe).map_err(RecoveryError::Write)?;
    let file = file
        .into_inner()
        .map_err(|error| RecoveryError::Write(error.into_error()))?;
    let path = file.publish(&name)?;
    Ok((name, path, manifest))
}

fn dumped(
    server: &Programs,
    snapshot: &str,
    facts: crate::facts::Facts,
    place: &Directory,
    compression: Compression,
    seal: &FileSeal,
    stop: &Stop,
) -> Result<Done, RecoveryError> {
    let (name, writer) = begin(place, facts.taken_at, Engine::Postgres, compression)?;
    let (writer, tables) = postgres::dump(server, snapshot, writer, stop)?;
    end((name, writer), |content| {
        facts.manifest(Engine::Postgres, content, tables, seal)
    })
}

fn copied(
    copy: &sqlite::Copy,
    place: &Directory,
    compression: Compression,
    seal: &FileSeal,
    stop: &Stop,
) -> Result<Done, RecoveryError> {
    let facts = copy.facts.clone();
    let (name, mut writer) = begin(place, facts.taken_at, Engine::Sqlite, compression)?;
    crate::pipe::copy(&mut copy.open()?, &mut writer, stop)?;
    writer.flush().map_err(RecoveryError::Write)?;
    end((name, writer), |content| {
        facts.manifest(Engine::Sqlite, content, copy.tables.clone(), seal)
    })
}
