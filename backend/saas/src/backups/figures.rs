//! What is known of backups, for the metrics: from the directory, and from what is on record.

use std::{sync::Arc, time::Duration};

use saas_config::Settings;
use saas_recovery::Directory;
use saas_storage::{
    Database,
    recovery::{self, RunKind, RunStatus},
};
use saas_telemetry::{BackupFigures, BackupMetrics};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::Failure;

/// How often it is looked at: others make backups, too.
const EVERY: Duration = Duration::from_secs(15);

/// Keeps the metrics of backups up to date.
#[derive(Clone)]
pub(crate) struct Figures {
    /// Whether this process makes backups, or only tells of those that others make.
    pub(crate) makes: bool,
    pub(crate) settings: Arc<Settings>,
    pub(crate) database: Database,
    pub(crate) metrics: BackupMetrics,
}

impl Figures {
    /// Until the process stops.
    pub(crate) async fn follow(&self, stopping: &CancellationToken) {
        while !stopping.is_cancelled() {
            self.look().await;
            tokio::select! {
                () = stopping.cancelled() => {}
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// Once. What cannot be looked at stays as it was.
    pub(crate) async fn look(&self) {
        match self.read().await {
            Ok(figures) => self.metrics.set(figures),
            Err(error) => tracing::debug!(%error, "backups were not looked at"),
        }
    }

    async fn read(&self) -> Result<BackupFigures, Failure> {
        let path = self.settings.backup.directory.clone();
        let listed = tokio::task::spawn_blocking(move || {
            // Looking makes no directory.
            let there = path.exists().then(|| Directory::open(path)?.list());
            there.transpose()
        });
        let listed = listed.await.map_err(|error| {
            Failure::failed("the directory of backups was not read").because(error)
        })??;
        let kept = listed.as_ref().map(Vec::len);
        let kept = kept.or(self.makes.then_some(0));
        let listed = listed.unwrap_or_default();
        let since = self.database.installation().await?.created_at;
        let tx = self.database.system_read("backup.figures").await?;
        let done = RunStatus::Succeeded;
        let backup = recovery::last_finished(&tx, RunKind::Backup, done).await?;
        let backup = backup.map(|run| Detail::of(&run.detail));
        let drill = recovery::last_finished(&tx, RunKind::Drill, done).await?;
        // Where others make them, it shows by their first one that there is a schedule.
        let is_expected = if self.makes {
            self.settings.backup.schedule.is_some()
        } else {
            !recovery::list(&tx, RunKind::Backup, 1).await?.is_empty()
        };
        let newest = listed.first();
        let of_file = newest.map(|(name, _)| seconds(name.taken_at.timestamp()));
        let of_run = backup.as_ref().and_then(|backup| backup.number("taken_at"));
        // A backup that another process made lies elsewhere, and counts all the same.
        let is_elsewhere = of_run > of_file;
        let report = drill.as_ref().map(|run| Detail::of(&run.detail));
        let of_report = |path| {
            report
                .as_ref()
                .and_then(|drill| drill.0.pointer(path)?.as_f64())
        };
        Ok(BackupFigures {
            expected_since: is_expected.then(|| seconds(since.timestamp())),
            last_success: if is_elsewhere { of_run } else { of_file },
            last_size: if is_elsewhere {
                backup.as_ref().and_then(|backup| backup.number("bytes"))
            } else {
                newest.map(|(_, bytes)| count(*bytes))
            },
            last_duration: backup.as_ref().and_then(|backup| backup.number("seconds")),
            kept: kept.map(|kept| count(kept as u64)),
            drill_success: drill
                .and_then(|run| run.finished_at)
                .map(|at| seconds(at.timestamp())),
            drill_recovery_time: of_report("/report/recovery_time_ms").map(|time| time / 1000.0),
            drill_recovery_point: of_report("/report/recovery_point_seconds"),
        })
    }
}

/// What a run has on record.
struct Detail(Value);

impl Detail {
    fn of(text: &str) -> Self {
        Self(serde_json::from_str(text).unwrap_or_default())
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.0.get(name)?.as_f64()
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "seconds since 1970 are exact for longer than anybody keeps backups"
)]
const fn seconds(count: i64) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a metric is a floating point number"
)]
const fn count(count: u64) -> f64 {
    count as f64
}
