//! Backups and drills as the API shows them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// How a backup or a drill went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RecoveryStatus {
    /// It is under way, or whoever made it was killed.
    Running,
    /// It was done.
    Succeeded,
    /// It failed; `fault` says why.
    Failed,
}

/// The newest backups and drills.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Recovery {
    /// The newest backups first.
    pub backups: Vec<BackupRun>,
    /// The newest drills first.
    pub drills: Vec<DrillRun>,
}

/// A backup.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct BackupRun {
    /// Its identifier.
    pub id: Uuid,
    /// How it went.
    pub status: RecoveryStatus,
    /// For when the schedule meant it; null if somebody made it by hand.
    #[schema(required = true)]
    pub scheduled_for: Option<DateTime<Utc>>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    #[schema(required = true)]
    pub finished_at: Option<DateTime<Utc>>,
    /// The file's name.
    #[schema(required = true)]
    pub file: Option<String>,
    /// The file's size in bytes.
    #[schema(required = true)]
    pub bytes: Option<u64>,
    /// Why it failed.
    #[schema(required = true)]
    pub fault: Option<String>,
}

/// A drill: whether a backup could be used.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct DrillRun {
    /// Its identifier.
    pub id: Uuid,
    /// How it went.
    pub status: RecoveryStatus,
    /// For when the schedule meant it; null if somebody began it by hand.
    #[schema(required = true)]
    pub scheduled_for: Option<DateTime<Utc>>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    #[schema(required = true)]
    pub finished_at: Option<DateTime<Utc>>,
    /// Why it failed.
    #[schema(required = true)]
    pub fault: Option<String>,
    /// Whether the report is as the drill signed it.
    pub is_signed: bool,
    /// What it found; null while it is under way.
    #[schema(required = true)]
    pub report: Option<DrillReport>,
}

/// What a drill found.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct DrillReport {
    /// The version of the platform that made it.
    pub platform: String,
    /// Whether all held.
    pub passed: bool,
    /// The backup.
    pub backup: DrilledBackup,
    /// What it went through, in order.
    pub steps: Vec<DrillStep>,
    /// From the beginning of the restore to the first answered sign-in, in milliseconds; null if it
    /// did not come so far.
    #[schema(required = true)]
    pub recovery_time_ms: Option<u64>,
    /// From the moment whose state was restored to the beginning of the drill, in seconds; null if
    /// the backup could not be read.
    #[schema(required = true)]
    pub recovery_point_seconds: Option<u64>,
    /// What was aimed at.
    pub objectives: RecoveryObjectives,
}

/// The backup of a drill, as far as it could be read.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct DrilledBackup {
    /// The file's name; null if there was none.
    #[schema(required = true)]
    pub file: Option<String>,
    /// The file's size in bytes.
    #[schema(required = true)]
    pub bytes: Option<u64>,
    /// The moment whose state is in it.
    #[schema(required = true)]
    pub taken_at: Option<DateTime<Utc>>,
    /// The version of the platform that made it.
    #[schema(required = true)]
    pub platform: Option<String>,
    /// Its newest migration.
    #[schema(required = true)]
    pub schema: Option<String>,
    /// Rows of each table.
    pub rows: BTreeMap<String, u64>,
}

/// One step of a drill.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct DrillStep {
    /// Which.
    pub name: String,
    /// How it ended.
    pub outcome: DrillOutcome,
    /// How long it took.
    pub milliseconds: u64,
    /// What was seen.
    pub seen: String,
}

/// How a step of a drill ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DrillOutcome {
    /// All was as it should be.
    Ok,
    /// It was not, and the drill ended there.
    Failed,
}

/// What recovery aims at.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct RecoveryObjectives {
    /// How long recovery may take.
    pub recovery_time_seconds: u64,
    /// How old the state may be to which it leads.
    pub recovery_point_seconds: u64,
}
