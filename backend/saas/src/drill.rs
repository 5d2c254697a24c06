//! The proof that a backup can be used: it is restored beside the live database, core runs on it,
//! somebody signs in and reads, and all is compared with what the backup says of itself.
//!
//! Nothing leaves this process: core on the restored database is in no registry, sends nothing to
//! anybody, keeps its cache to itself, and listens on loopback alone. The live database is asked
//! for nothing.

mod record;
mod report;
mod running;
mod steps;

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use chrono::{DateTime, Utc};
use saas_config::Settings;
use saas_domain::{Clock, Random};
use saas_recovery::{Allowed, Backup, Plan, Scratch, Source, Stop, is_of_now, plan};

use crate::{
    Failure,
    commands::{
        backup::{identity, place, seal},
        root_secret,
    },
};
pub(crate) use record::Record;
pub(crate) use report::{Report, Sealed, is_signed};
use running::Running;
use steps::{Steps, whole_millis};

/// Restores a backup, the newest one unless `file` names another, and looks whether it can be used.
/// However that ends, there is a report, and nothing of what was restored is left.
///
/// # Errors
/// Only where there is no `SECRET_KEY`; a drill that fails says so in its report.
pub(crate) async fn run(
    settings: &Settings,
    file: Option<&Path>,
    clock: &Clock,
    random: &Random,
    stop: &Stop,
) -> Result<Sealed, Failure> {
    let root = root_secret(settings)?;
    let mut drill = Drill {
        settings,
        clock,
        random,
        stop,
        steps: Steps::default(),
        report: Report::begin(settings, clock.now()),
        began: None,
    };
    let done = Box::pin(drill.go_through(file)).await;
    let Drill { steps, report, .. } = drill;
    let report = report.end(steps, done.err(), clock.now());
    Ok(Sealed::new(report, &root))
}

struct Drill<'a> {
    settings: &'a Settings,
    clock: &'a Clock,
    random: &'a Random,
    stop: &'a Stop,
    steps: Steps,
    report: Report,
    /// When the restore began.
    began: Option<Instant>,
}

impl Drill<'_> {
    async fn go_through(&mut self, file: Option<&Path>) -> Result<(), Failure> {
        self.steps.begin("find");
        let path = match file {
            Some(named) => named.to_owned(),
            None => newest(self.settings, self.clock.now())?,
        };
        let backup = self.found(&path)?;
        self.steps.done(path.display().to_string());

        self.began = Some(Instant::now());
        self.steps.begin("verify");
        let live = Source::new(self.settings.database_url.expose())?;
        let allowed = Allowed {
            replace: true,
            any_seal: false,
        };
        let seal = seal(self.settings)?;
        let plan = plan(&backup, &live, allowed, &seal, self.stop).await?;
        let manifest = &plan.manifest;
        self.report.describe(manifest, self.report.started_at);
        let (rows, tables) = (manifest.rows(), manifest.tables.len());
        self.steps.done(format!("{rows} rows in {tables} tables"));

        self.steps.begin("restore");
        let scratch = Scratch::make(&live, self.clock).await?;
        let looked = self.look_at(&scratch, &backup, &plan).await;
        self.steps.pause();
        scratch.discard().await;
        looked?;
        self.judge()
    }

    /// What is known of the file before it is opened.
    fn found(&mut self, path: &Path) -> Result<Backup, Failure> {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        self.report.backup.file = name;
        let backup = Backup::new(path, identity(self.settings)?)?;
        let told = path.metadata();
        let cannot = || Failure::failed(format!("{} cannot be read", path.display()));
        self.report.backup.bytes = Some(told.map_err(|error| cannot().because(error))?.len());
        Ok(backup)
    }

    async fn look_at(
        &mut self,
        scratch: &Scratch,
        backup: &Backup,
        plan: &Plan,
    ) -> Result<(), Failure> {
        scratch.fill(backup, &plan.manifest, self.stop).await?;
        self.steps.done("into a database beside the live one");

        self.steps.begin("compare");
        scratch.compare(&plan.manifest, self.stop).await?;
        self.steps.done("rows and checksums of every table agree");

        self.steps.begin("migrate");
        let migrated = scratch.bring_up(self.clock, self.random).await?;
        self.steps.done(match migrated.as_slice() {
            [] => "it has this version's schema".to_owned(),
            some => some.join(", "),
        });
        self.stop.check()?;

        self.steps.begin("core");
        let running = Running::start(self.settings, scratch, self.clock, self.random).await?;
        let used = self.use_it(&running, plan).await;
        running.stop().await;
        used
    }

    async fn use_it(&mut self, running: &Running, plan: &Plan) -> Result<(), Failure> {
        let keys = running.keys.len();
        self.steps.done(format!(
            "serves on loopback; signing keys that SECRET_KEY opens: {keys}"
        ));
        self.stop.check()?;

        self.steps.begin("sign_in");
        let person = running.sign_in().await?;
        let took = self.began.map(|began| whole_millis(began.elapsed()));
        self.report.recovery_time_ms = took;
        self.steps
            .done("somebody signed in with a password, and was told who they are");
        self.stop.check()?;

        self.steps.begin("read");
        running.check_keys().await?;
        self.steps
            .done("the published keys are those of the backup");

        self.steps.begin("count");
        let rows = |table: &str| {
            plan.manifest
                .tables
                .get(table)
                .map_or(0, |table| table.rows)
        };
        let tenants = running.count(&person, "tenants").await?;
        agree("tenants", tenants, rows("tenants"))?;
        // The one who signed in was not in the backup.
        let people = running.count(&person, "users").await?;
        agree(
            "people",
            people.saturating_sub(running.added),
            rows("users"),
        )?;
        self.steps.done(format!(
            "{tenants} tenants and {} people, as saved",
            rows("users")
        ));
        Ok(())
    }

    /// Whether that was quick enough, and the backup young enough.
    fn judge(&mut self) -> Result<(), Failure> {
        self.steps.begin("objectives");
        self.report.judge().map_err(Failure::failed)?;
        self.steps
            .done("recovery time and recovery point are within the objectives");
        Ok(())
    }
}

fn agree(what: &str, listed: u64, saved: u64) -> Result<(), Failure> {
    if listed == saved {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "core on the restored database lists {listed} {what}, and the backup has {saved}"
    )))
}

/// The newest backup there is.
fn newest(settings: &Settings, now: DateTime<Utc>) -> Result<PathBuf, Failure> {
    let place = place(settings)?;
    let listed = place.list()?;
    let mut listed = listed.iter().filter(|(name, _)| is_of_now(name, now));
    let newest = listed.next().map(|(name, _)| place.file(name));
    newest.ok_or_else(|| {
        Failure::failed(format!(
            "there is no backup in {}; make one with `saas backup create`, and see why none was made",
            place.path().display()
        ))
    })
}
