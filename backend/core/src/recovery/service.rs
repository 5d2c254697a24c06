//! Reading what became of backups and drills.

use saas_security::FileSeal;
use saas_storage::recovery::{self as runs, RecoveryRun, RunKind, RunStatus};
use serde_json::Value;

use super::model::{BackupRun, DrillRun, Recovery, RecoveryStatus};
use crate::{refusal::Refusal, state::Core};

/// How many of each are shown: backups of a month, drills of some years.
const MOST: u64 = 30;

/// The newest of each.
pub(crate) async fn newest(core: &Core) -> Result<Recovery, Refusal> {
    let tx = core.db.system_read("recovery.newest").await?;
    let backups = runs::list(&tx, RunKind::Backup, MOST).await?;
    let drills = runs::list(&tx, RunKind::Drill, MOST).await?;
    let seal = FileSeal::of_reports(&core.root);
    Ok(Recovery {
        backups: backups.iter().map(backup).collect(),
        drills: drills.iter().map(|run| drill(run, &seal)).collect(),
    })
}

fn backup(run: &RecoveryRun) -> BackupRun {
    let detail = detail(run);
    let text = |member: &str| {
        detail
            .get(member)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    // Where the file lies on that machine concerns nobody here.
    let name = |path: String| path.rsplit('/').next().unwrap_or(&path).to_owned();
    BackupRun {
        id: run.id,
        status: status(run.status),
        scheduled_for: run.scheduled_for,
        started_at: run.started_at,
        finished_at: run.finished_at,
        file: text("file").map(name),
        bytes: detail.get("bytes").and_then(Value::as_u64),
        fault: text("fault"),
    }
}

fn drill(run: &RecoveryRun, seal: &FileSeal) -> DrillRun {
    let detail = detail(run);
    let fault = detail.get("fault").and_then(Value::as_str);
    let report = detail.get("report").cloned().unwrap_or_default();
    DrillRun {
        id: run.id,
        status: status(run.status),
        scheduled_for: run.scheduled_for,
        started_at: run.started_at,
        finished_at: run.finished_at,
        fault: fault.map(str::to_owned),
        is_signed: seal.verify_json(&report),
        // Nothing is there while it is under way, and a later version may write what this one does
        // not know.
        report: serde_json::from_value(report).ok(),
    }
}

/// What was written down of a run.
fn detail(run: &RecoveryRun) -> Value {
    serde_json::from_str(&run.detail).unwrap_or_default()
}

const fn status(status: RunStatus) -> RecoveryStatus {
    match status {
        RunStatus::Running => RecoveryStatus::Running,
        RunStatus::Succeeded => RecoveryStatus::Succeeded,
        RunStatus::Failed => RecoveryStatus::Failed,
    }
}
