//! Making a backup.

use std::{
    io,
    path::PathBuf,
    time::{Duration, Instant},
};

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use saas_domain::{Clock, Random};
use saas_security::FileSeal;
use tokio::task::spawn_blocking;

use crate::{
    RecoveryError,
    age::Recipient,
    bucket::Bucket,
    facts::Facts,
    format::{BackupName, Compression, Content, Engine, Manifest, Writer},
    pipe,
    place::{Directory, PlaceError},
    postgres::{self, Programs, Snapshot},
    sink::Sink,
    source::{Kind, Source},
    sqlite,
    stop::Stop,
};

/// How far the time in a name may be from the truth because others had the same second.
const CROWDED: TimeDelta = TimeDelta::seconds(10);

/// How backups are made.
#[derive(Clone, Debug)]
pub struct Making {
    /// Where they go.
    pub place: Directory,
    /// Where they are copied then, if anywhere.
    pub copies: Option<Bucket>,
    /// How they are compressed.
    pub compression: Compression,
    /// For whom they are encrypted; for nobody, they are not.
    pub recipients: Vec<Recipient>,
    /// What marks them as this platform's.
    pub seal: FileSeal,
    /// What tells the time.
    pub clock: Clock,
    /// What keys are made from.
    pub random: Random,
}

/// A backup that was made.
#[derive(Clone, Debug)]
pub struct Created {
    /// Its name.
    pub name: BackupName,
    /// Where it is.
    pub path: PathBuf,
    /// Where its copy is, as `s3://…`.
    pub copy: Option<String>,
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
/// When the database or the place cannot be used, or `stop` says so. Then there is no file, except
/// with [`RecoveryError::NotCopied`].
pub async fn create(
    source: &Source,
    making: &Making,
    stop: &Stop,
) -> Result<Created, RecoveryError> {
    let began = Instant::now();
    let (name, path, manifest) = saved(source, making.clone(), stop.clone()).await?;
    let told = path.metadata();
    let bytes = told.map_err(|error| sqlite::unusable(&path, error))?.len();
    let copy = match &making.copies {
        None => None,
        Some(bucket) => match bucket.copy(&making.place, &name, stop).await {
            Ok(()) => Some(bucket.url(&name)),
            Err(source) => {
                let source = Box::new(source);
                return Err(RecoveryError::NotCopied { path, source });
            }
        },
    };
    Ok(Created {
        name,
        path,
        copy,
        manifest,
        bytes,
        took: began.elapsed(),
    })
}

async fn saved(source: &Source, making: Making, stop: Stop) -> Result<Done, RecoveryError> {
    match &source.kind {
        Kind::Postgres(server) => {
            let snapshot = Snapshot::take(server.url()).await?;
            let (facts, id, server) = (snapshot.facts.clone(), snapshot.id.clone(), server.clone());
            let work = move || dumped(&server, &id, facts, &making, &stop);
            let done = joined(spawn_blocking(work).await);
            snapshot.end().await;
            done
        }
        Kind::Sqlite(file) => {
            let beside = making.place.path();
            let copy = sqlite::Copy::make(file, beside, &making.clock, &stop).await?;
            joined(spawn_blocking(move || copied(&copy, &making, &stop)).await)
        }
    }
}

type Done = (BackupName, PathBuf, Manifest);

/// What work on a thread of its own came to.
pub(crate) fn joined<T>(
    done: Result<Result<T, RecoveryError>, tokio::task::JoinError>,
) -> Result<T, RecoveryError> {
    done.map_err(|error| RecoveryError::Read(io::Error::other(error)))?
}

/// A backup that was begun.
struct Begun {
    name: BackupName,
    writer: Writer<Sink>,
}

impl Begun {
    fn new(
        taken_at: DateTime<Utc>,
        engine: Engine,
        making: &Making,
    ) -> Result<Self, RecoveryError> {
        let mut name = BackupName {
            taken_at: taken_at.trunc_subsecs(0),
            engine,
            compression: making.compression,
            is_encrypted: !making.recipients.is_empty(),
        };
        // Two of the same second: the later one takes the next.
        let latest = name.taken_at + CROWDED;
        let file = loop {
            match making.place.begin(&name) {
                Err(PlaceError::Taken(_)) if name.taken_at < latest => {
                    name.taken_at += TimeDelta::seconds(1);
                }
                begun => break begun?,
            }
        };
        let sink = Sink::new(file, &making.recipients, &making.random);
        let writer = sink.and_then(|sink| Writer::new(sink, making.compression));
        let writer = writer.map_err(RecoveryError::Write)?;
        Ok(Self { name, writer })
    }

    fn end(self, describe: impl FnOnce(Content) -> Manifest) -> Result<Done, RecoveryError> {
        let (sink, manifest) = self.writer.finish(describe).map_err(RecoveryError::Write)?;
        let file = sink.finish().map_err(RecoveryError::Write)?;
        let path = file.publish(&self.name)?;
        Ok((self.name, path, manifest))
    }
}

fn dumped(
    server: &Programs,
    snapshot: &str,
    facts: Facts,
    making: &Making,
    stop: &Stop,
) -> Result<Done, RecoveryError> {
    let Begun { name, writer } = Begun::new(facts.taken_at, Engine::Postgres, making)?;
    let (writer, tables) = postgres::dump(server, snapshot, writer, stop)?;
    Begun { name, writer }
        .end(|content| facts.manifest(Engine::Postgres, content, tables, &making.seal))
}

fn copied(copy: &sqlite::Copy, making: &Making, stop: &Stop) -> Result<Done, RecoveryError> {
    let facts = copy.facts.clone();
    let mut begun = Begun::new(facts.taken_at, Engine::Sqlite, making)?;
    pipe::copy(&mut copy.open()?, &mut begun.writer, stop)?;
    let tables = copy.tables.clone();
    begun.end(|content| facts.manifest(Engine::Sqlite, content, tables, &making.seal))
}
