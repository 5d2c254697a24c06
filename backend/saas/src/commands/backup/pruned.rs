//! `saas backup prune`.

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use saas_config::{BackupSettings, Settings};
use saas_domain::Clock;
use saas_recovery::{Keeping, Stop, Verdict, format::BackupName, judge};

use super::{bucket::bucket, place, stoppable, told::ago};
use crate::{Failure, commands::print};

pub(super) fn run(settings: &Settings, dry_run: bool) -> Result<ExitCode, Failure> {
    let now = Clock::system().now();
    let mut is_done = false;
    stoppable(async |stop| {
        prune(settings, dry_run, stop, |shown, verdict| {
            is_done |= !verdict.is_kept();
            tell(shown, verdict, now, dry_run)
        })
        .await
    })?;
    if !is_done {
        print("there is no backup that may go\n")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Removes the backups that no rule keeps and tells of each; or only tells of every one.
pub(crate) async fn prune(
    settings: &Settings,
    dry_run: bool,
    stop: &Stop,
    mut tell: impl FnMut(&str, &Verdict) -> Result<(), Failure> + Send,
) -> Result<(), Failure> {
    let (place, bucket) = (place(settings)?, bucket(settings)?);
    let keeping = keeping(&settings.backup);
    let now = Clock::system().now();
    let is_told = |verdict: &&Verdict| dry_run || !verdict.is_kept();
    // One that cannot be removed does not keep the others.
    let mut failed = None;
    // Each place by itself: what is missing in one must not cost the other its newest.
    for verdict in judge(names(place.list()?), keeping, now)
        .iter()
        .filter(is_told)
    {
        if !dry_run && let Err(error) = place.remove(&verdict.name) {
            failed.get_or_insert(Failure::from(error));
            continue;
        }
        tell(&verdict.name.to_string(), verdict)?;
    }
    let Some(bucket) = bucket else {
        return failed.map_or(Ok(()), Err);
    };
    let listed = bucket.list(stop).await?;
    for verdict in judge(names(listed), keeping, now).iter().filter(is_told) {
        if !dry_run && let Err(error) = bucket.remove(&verdict.name, stop).await {
            failed.get_or_insert(Failure::from(error));
            continue;
        }
        tell(&bucket.url(&verdict.name), verdict)?;
    }
    failed.map_or(Ok(()), Err)
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
