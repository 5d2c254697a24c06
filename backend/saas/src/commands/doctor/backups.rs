//! Whether the platform could be had back: backups, the archive of changes, drills.

mod known;

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use saas_config::DatabaseKind;
use saas_recovery::{Archive, Backup, Source, Stop};
use saas_storage::recovery::{RecoveryRun, RunStatus};
use serde_json::Value;
use tokio::time::timeout;

use super::{finding::Finding, patient::Patient};
use crate::{
    Failure,
    backups::cron,
    commands::backup::{ago, identity, seal},
    drill,
};
use known::{Known, Newest};

/// How often a backup is to be made where no schedule says so.
const DAILY: TimeDelta = TimeDelta::days(1);
/// How long it may take until it is there.
const MAKING: TimeDelta = TimeDelta::hours(2);
/// A quarterly drill, and some days for it to be looked at.
const DRILLED: TimeDelta = TimeDelta::days(100);

const MAKE: &str = "make one with `saas backup create`, and let one be made every day";
const PROVE: &str = "run `saas backup drill`";

pub(super) async fn look(patient: &Patient, is_read: bool) -> Vec<Finding> {
    let known = Known::of(patient).await;
    let mut findings = Vec::new();
    findings.extend(known.unasked.clone());
    match known.newest() {
        None => findings.push(none(patient, &known)),
        Some(newest) => {
            findings.push(age(patient, &newest));
            findings.push(soundness(patient, &known, &newest, is_read));
        }
    }
    findings.extend(archive(patient).await);
    findings.extend(proof(patient, &known));
    findings
}

/// Nobody has a backup on the first day.
fn none(patient: &Patient, known: &Known) -> Finding {
    let seen = format!("there is none in {}", known.place.display());
    let now = patient.clock.now();
    let within = fresh(patient, known.installed_at.unwrap_or(now));
    match known.left(now, within) {
        Some(_) => Finding::ok(
            "newest backup",
            format!(
                "{seen} yet, which is well within the first {} hours",
                within.num_hours()
            ),
        ),
        None => Finding::failed("newest backup", seen, MAKE),
    }
}

/// How old a backup may be that was made then: until the schedule's next one, and two hours more.
fn fresh(patient: &Patient, made: DateTime<Utc>) -> TimeDelta {
    let cron = cron(&patient.settings).ok().flatten();
    let next = cron.and_then(|cron| {
        let next = cron.next(made)?;
        let after = cron.next(next)?;
        // One that was made by hand in between shortens nothing.
        Some(std::cmp::max(next - made, after - next))
    });
    next.unwrap_or(DAILY) + MAKING
}

fn age(patient: &Patient, newest: &Newest) -> Finding {
    let now = patient.clock.now();
    let seen = format!("{} is {} old", newest.name, ago(now, newest.taken_at));
    if now - newest.taken_at <= fresh(patient, newest.taken_at) {
        return Finding::ok("newest backup", seen);
    }
    let advice = "see why none was made since (`saas backup list`, and the log of whoever makes them), and make one with `saas backup create`";
    Finding::failed("newest backup", seen, advice)
}

/// Whether the newest one is what it says.
fn soundness(patient: &Patient, known: &Known, newest: &Newest, is_read: bool) -> Finding {
    let subject = "content of the newest backup";
    let Some(path) = &newest.path else {
        return Finding::skipped(
            subject,
            format!("{} lies in another place", newest.name),
            "look there: `saas backup verify`",
        );
    };
    if newest.is_encrypted && !is_read {
        let drilled = known.drills.iter().find(|run| {
            let detail = detail(run);
            let file = detail
                .pointer("/report/backup/file")
                .and_then(Value::as_str);
            run.status == RunStatus::Succeeded && file == Some(newest.name.as_str())
        });
        return match drilled {
            Some(run) => Finding::ok(
                subject,
                format!("encrypted, and the drill of {} restored it", day(run)),
            ),
            None => Finding::skipped(
                subject,
                "encrypted, so that it is seen only by reading all of it",
                "`saas doctor --only backups --read-backup` does, with BACKUP_IDENTITY",
            ),
        };
    }
    match verified(patient, path, is_read) {
        Ok(seen) => Finding::ok(subject, seen),
        Err(failure) => Finding::failed(
            subject,
            failure.to_string(),
            "make another one with `saas backup create`, and find out what happened to this one",
        ),
    }
}

fn verified(patient: &Patient, path: &Path, is_read: bool) -> Result<String, Failure> {
    let settings = &patient.settings;
    let backup = Backup::new(path, identity(settings)?)?;
    let (manifest, how) = if is_read {
        (backup.verify(&Stop::default())?, "read to its end")
    } else {
        (
            backup.peek()?,
            "whole by its end; --read-backup reads all of it",
        )
    };
    if !manifest.is_sealed(&seal(settings)?) {
        return Err(Failure::failed(
            "it was sealed under another SECRET_KEY, or its manifest was altered",
        ));
    }
    Ok(format!(
        "{} rows in {} tables, {how}",
        manifest.rows(),
        manifest.tables.len()
    ))
}

/// Only PostgreSQL has an archive, and only where somebody set it up.
async fn archive(patient: &Patient) -> Option<Finding> {
    if patient.settings.database_kind() != DatabaseKind::Postgres {
        return None;
    }
    let source = Source::new(patient.settings.database_url.expose()).ok()?;
    // That the database is away is told elsewhere.
    let archive = timeout(patient.within, source.archive()).await.ok()?.ok()?;
    Some(match archive {
        None => Finding::ok(
            "archive",
            "archive_mode is off: what came after the newest backup would be lost",
        ),
        Some(archive) => reached(&archive),
    })
}

fn reached(archive: &Archive) -> Finding {
    let told = |of: &Option<(String, DateTime<Utc>)>| {
        of.as_ref().map_or_else(
            || "none".to_owned(),
            |(segment, at)| format!("{segment} at {}", at.format("%Y-%m-%d %H:%M:%S UTC")),
        )
    };
    if archive.is_failing() {
        let (failed, archived) = (told(&archive.failed), told(&archive.archived));
        return Finding::failed(
            "archive",
            format!("{failed} did not reach it; the last that did: {archived}"),
            "look into the log of PostgreSQL what archive_command says, and at the room where it writes; it tries again by itself",
        );
    }
    match &archive.archived {
        Some(_) => Finding::ok(
            "archive",
            format!("the last to reach it: {}", told(&archive.archived)),
        ),
        None => Finding::ok(
            "archive",
            "archive_mode is on, and nothing had to be archived yet",
        ),
    }
}

/// Whether a drill proved lately that a backup can be used.
fn proof(patient: &Patient, known: &Known) -> Option<Finding> {
    let subject = "newest drill";
    // Where the records could not be asked, that is told.
    if known.unasked.is_some() {
        return None;
    }
    let now = patient.clock.now();
    let mut ended = known.drills.iter();
    let Some(run) = ended.find(|run| run.status != RunStatus::Running) else {
        return Some(match known.left(now, DRILLED) {
            Some(_) => Finding::ok(
                subject,
                "there was none yet, which is well within the first 100 days; `saas backup drill` proves that a backup can be used",
            ),
            None => Finding::failed(subject, "there was none", PROVE),
        });
    };
    let day = day(run);
    if run.status == RunStatus::Failed {
        let detail = detail(run);
        let fault = detail.get("fault").and_then(Value::as_str);
        let seen = format!("that of {day} failed: {}", fault.unwrap_or("it was ended"));
        return Some(Finding::failed(
            subject,
            seen,
            format!("mend that, then {PROVE}"),
        ));
    }
    if !patient
        .root()
        .is_some_and(|root| drill::is_signed(&detail(run)["report"], &root))
    {
        return Some(Finding::failed(
            subject,
            format!("the report of {day} is not as a drill of this platform signed it"),
            format!("if SECRET_KEY was not replaced since, find out who altered it; {PROVE}"),
        ));
    }
    if now - run.started_at > DRILLED {
        return Some(Finding::failed(
            subject,
            format!("that of {day} passed"),
            PROVE,
        ));
    }
    Some(Finding::ok(
        subject,
        format!("that of {day} passed, and its report is signed"),
    ))
}

fn day(run: &RecoveryRun) -> impl std::fmt::Display + use<> {
    run.started_at.format("%Y-%m-%d")
}

/// What was written down of a run.
fn detail(run: &RecoveryRun) -> Value {
    serde_json::from_str(&run.detail).unwrap_or_default()
}
