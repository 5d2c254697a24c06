//! `saas backup prune`.

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use saas_config::{BackupSettings, Settings};
use saas_domain::Clock;
use saas_recovery::{Bucket, Directory, Keeping, Stop, Verdict, format::BackupName, judge};

use super::{bucket::bucket, place, stoppable, told::ago};
use crate::{Failure, commands::print};

pub(super) fn run(settings: &Settings, dry_run: bool) -> Result<ExitCode, Failure> {
    let (place, bucket) = (place(settings)?, bucket(settings)?);
    let keeping = keeping(&settings.backup);
    let now = Clock::system().now();
    stoppable(async |stop| -> Result<(), Failure> {
        // Each place by itself: what is missing in one must not cost the other its newest.
        let mut is_done = here(&place, keeping, now, dry_run)?;
        if let Some(bucket) = &bucket {
            is_done |= there(bucket, keeping, now, dry_run, stop).await?;
        }
        if is_done {
            return Ok(());
        }
        print("there is no backup that may go\n")
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What the settings say is kept.
fn keeping(settings: &BackupSettings) -> Keeping {
    Keeping {
        days: settings.retention_days,
        daily: settings.keep_daily,
        weekly: settings.keep_weekly,
        monthly: settings.keep_monthly,
    }
}

fn here(
    place: &Directory,
    keeping: Keeping,
    now: DateTime<Utc>,
    dry_run: bool,
) -> Result<bool, Failure> {
    let judged = judge(names(place.list()?), keeping, now);
    for verdict in judged.iter().filter(|one| dry_run || !one.is_kept()) {
        if !dry_run {
            place.remove(&verdict.name)?;
        }
        tell(&verdict.name.to_string(), verdict, now, dry_run)?;
    }
    Ok(judged.iter().any(|one| !one.is_kept()))
}

async fn there(
    bucket: &Bucket,
    keeping: Keeping,
    now: DateTime<Utc>,
    dry_run: bool,
    stop: &Stop,
) -> Result<bool, Failure> {
    let judged = judge(names(bucket.list(stop).await?), keeping, now);
    for verdict in judged.iter().filter(|one| dry_run || !one.is_kept()) {
        if !dry_run {
            bucket.remove(&verdict.name, stop).await?;
        }
        tell(&bucket.url(&verdict.name), verdict, now, dry_run)?;
    }
    Ok(judged.iter().any(|one| !one.is_kept()))
}

fn names(listed: Vec<(BackupName, u64)>) -> impl Iterator<Item = BackupName> {
    listed.into_iter().map(|(name, _)| name)
}

fn tell(shown: &str, verdict: &Verdict, now: DateTime<Utc>, dry_run: bool) -> Result<(), Failure> {
    let reasons: Vec<String> = verdict.reasons.iter().map(ToString::to_string).collect();
    let (done, why) = match (verdict.is_kept(), dry_run) {
        (true, _) => ("kept", reasons.join(", ")),
        (false, true) => ("would be removed", "no rule keeps it".to_owned()),
        (false, false) => ("removed", "no rule keeps it".to_owned()),
    };
    let old = ago(now, verdict.name.taken_at);
    print(&format!("{done}  {shown}, {old} old: {why}\n"))
}
