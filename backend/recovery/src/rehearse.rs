//! Pending migrations on a copy of the database, which is gone afterwards.

use std::{
    fs, io,
    path::Path,
    time::{Duration, Instant},
};

use saas_domain::Clock;
use saas_migration::Rehearsed;
use tokio::task::spawn_blocking;

use crate::{
    RecoveryError,
    create::joined,
    postgres::{self, Programs, Snapshot},
    source::{Kind, Source},
    sqlite::{self, unusable},
    stop::Stop,
};

/// What the pending migrations did to the copy.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    /// How long it took to make the copy.
    pub copied_in: Duration,
    /// Each migration, in the order in which they are applied.
    pub migrations: Vec<Rehearsed>,
}

/// Copies the database while the platform goes on, and runs the pending migrations on the copy; with
/// none pending there is no copy. A copy of PostgreSQL lies on the same server, one of SQLite in
/// `beside`.
///
/// # Errors
/// When the copy cannot be made, or a migration fails on it. The copy is gone then, too.
pub async fn rehearse(
    source: &Source,
    beside: &Path,
    clock: &Clock,
    stop: &Stop,
) -> Result<Rehearsal, RecoveryError> {
    let history = saas_migration::status(&source.url()).await?;
    if !history.iter().any(|migration| migration.is_applied) {
        return Err(RecoveryError::Empty);
    }
    if history.iter().all(|migration| migration.is_applied) {
        return Ok(Rehearsal {
            copied_in: Duration::ZERO,
            migrations: Vec::new(),
        });
    }
    let began = Instant::now();
    match &source.kind {
        Kind::Postgres(live) => {
            let moment = clock.now().format("%Y%m%d%H%M%S");
            let copy = live.of(&live.beside("rehearse", &moment.to_string()));
            postgres::create_database(live, &copy.database()).await?;
            let done = async {
                fill(live, &copy, stop).await?;
                run(copy.url(), began, stop).await
            };
            let done = done.await;
            let dropped = postgres::drop_database(live, &copy.database()).await;
            let done = done?;
            dropped.map(|()| done)
        }
        Kind::Sqlite(file) => {
            let size = fs::metadata(file).map_err(|error| unusable(file, error))?;
            sqlite::room_for(&beside.join("copy"), size.len())?;
            let copy = sqlite::Copy::make(file, beside, clock, stop).await?;
            run(&copy.url(), began, stop).await
        }
    }
}

/// A database of PostgreSQL that is in use cannot be a template: it is dumped, and the dump goes
/// straight into the copy.
async fn fill(live: &Programs, copy: &Programs, stop: &Stop) -> Result<(), RecoveryError> {
    let (mut from, to) = io::pipe().map_err(RecoveryError::Read)?;
    let snapshot = Snapshot::take(live.url()).await?;
    let (id, server, told) = (snapshot.id.clone(), live.clone(), stop.clone());
    // What it writes to is closed at its end, which is how the other one learns of it.
    let dumping = spawn_blocking(move || postgres::dump(&server, &id, to, &told).map(drop));
    let (server, told) = (copy.clone(), stop.clone());
    let loading = spawn_blocking(move || postgres::load(&server, &mut from, &told));
    let (dumped, loaded) = (joined(dumping.await), joined(loading.await));
    snapshot.end().await;
    match (dumped, loaded) {
        // Nobody reads any more: who was to read knows why.
        (Err(RecoveryError::Write(_)) | Ok(()), loaded) => loaded,
        (dumped, _) => dumped,
    }
}

async fn run(url: &str, began: Instant, stop: &Stop) -> Result<Rehearsal, RecoveryError> {
    let copied_in = began.elapsed();
    tokio::select! {
        () = stop.told() => Err(RecoveryError::Stopped),
        done = saas_migration::rehearse(url) => Ok(Rehearsal { copied_in, migrations: done? }),
    }
}
