//! What a drill found, signed.
//!
//! The signature is an HMAC under a key of `SECRET_KEY`, not one of the keys that sign tokens: those
//! lie in the database whose loss is rehearsed here, are replaced from time to time, and sign nothing
//! but tokens. Who may check a report is who may make one: whoever runs the platform.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};
use saas_config::Settings;
use saas_recovery::format::Manifest;
use saas_security::{FileSeal, RootSecret};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::steps::{Step, Steps};
use crate::Failure;

/// The version of the report's form.
const FORMAT: u32 = 1;

/// What a drill found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// The form of this report.
    pub(crate) format: u32,
    /// What it is, for whoever finds the file: `drill`.
    pub(crate) kind: String,
    /// The version of the platform that made the drill.
    pub(crate) platform: String,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) finished_at: DateTime<Utc>,
    /// Whether all held.
    pub(crate) passed: bool,
    /// What did not hold, in one sentence.
    pub(crate) fault: Option<String>,
    pub(crate) backup: Described,
    pub(crate) steps: Vec<Step>,
    /// From the beginning of the restore to the first answered sign-in.
    pub(crate) recovery_time_ms: Option<u64>,
    /// From the moment whose state was restored to the beginning of the drill.
    pub(crate) recovery_point_seconds: Option<u64>,
    pub(crate) objectives: Objectives,
}

/// The backup, as far as it could be read.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Described {
    pub(crate) file: Option<String>,
    /// The size of the file.
    pub(crate) bytes: Option<u64>,
    /// The size of what is in it.
    pub(crate) content_bytes: Option<u64>,
    pub(crate) taken_at: Option<DateTime<Utc>>,
    /// `PostgreSQL` or `SQLite`.
    pub(crate) engine: Option<String>,
    /// The version that made it.
    pub(crate) platform: Option<String>,
    /// Its newest migration.
    pub(crate) schema: Option<String>,
    pub(crate) installation: Option<Uuid>,
    /// Rows of each table.
    pub(crate) rows: BTreeMap<String, u64>,
}

/// What was aimed at.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Objectives {
    pub(crate) recovery_time_seconds: u64,
    pub(crate) recovery_point_seconds: u64,
}

impl Report {
    pub(super) fn begin(settings: &Settings, now: DateTime<Utc>) -> Self {
        Self {
            format: FORMAT,
            kind: "drill".to_owned(),
            platform: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: now,
            finished_at: now,
            passed: false,
            fault: None,
            backup: Described::default(),
            steps: Vec::new(),
            recovery_time_ms: None,
            recovery_point_seconds: None,
            objectives: Objectives {
                recovery_time_seconds: settings.backup.recovery_time.as_secs(),
                recovery_point_seconds: settings.backup.recovery_point.as_secs(),
            },
        }
    }

    /// Takes down what the backup says of itself.
    pub(super) fn describe(&mut self, manifest: &Manifest, now: DateTime<Utc>) {
        let age = (now - manifest.taken_at).to_std().unwrap_or_default();
        self.recovery_point_seconds = Some(age.as_secs());
        let rows = manifest.tables.iter();
        self.backup = Described {
            content_bytes: Some(manifest.content.bytes),
            taken_at: Some(manifest.taken_at),
            engine: Some(manifest.engine.as_str().to_owned()),
            platform: Some(manifest.platform.clone()),
            schema: Some(manifest.revision().to_owned()),
            installation: Some(manifest.installation),
            rows: rows
                .map(|(name, table)| (name.clone(), table.rows))
                .collect(),
            ..std::mem::take(&mut self.backup)
        };
    }

    /// One sentence for an objective that was missed.
    pub(super) fn judge(&self) -> Result<(), String> {
        let aims = &self.objectives;
        let time = Duration::from_millis(self.recovery_time_ms.unwrap_or(u64::MAX));
        let aim = Duration::from_secs(aims.recovery_time_seconds);
        if time > aim {
            return Err(format!(
                "recovery took {:.1} s, and RECOVERY_TIME_OBJECTIVE_SECONDS allows {}; restore onto a faster machine, or agree on another objective",
                time.as_secs_f64(),
                aim.as_secs()
            ));
        }
        let point = self.recovery_point_seconds.unwrap_or(u64::MAX);
        if point > aims.recovery_point_seconds {
            return Err(format!(
                "the backup is {point} s old, and RECOVERY_POINT_OBJECTIVE_SECONDS allows {}; see why no newer one was made, or make them more often",
                aims.recovery_point_seconds
            ));
        }
        Ok(())
    }

    pub(super) fn end(mut self, steps: Steps, fault: Option<Failure>, now: DateTime<Utc>) -> Self {
        self.fault = fault.map(|failure| failure.to_string());
        self.passed = self.fault.is_none();
        self.steps = steps.end_with(self.fault.as_deref());
        self.finished_at = now;
        self
    }
}

/// A report and the same as it was signed.
#[derive(Clone, Debug)]
pub(crate) struct Sealed {
    pub(crate) report: Report,
    pub(crate) json: Value,
}

impl Sealed {
    pub(super) fn new(report: Report, root: &RootSecret) -> Self {
        let json = serde_json::to_value(&report).unwrap_or_default();
        let json = FileSeal::of_reports(root).sign_json(json);
        Self { report, json }
    }

    /// What is written down of the drill: the report, and why it failed if it did.
    pub(crate) fn detail(&self) -> Map<String, Value> {
        let report = Some(("report", self.json.clone()));
        let fault = self.report.fault.as_deref();
        let fault = fault.map(|fault| ("fault", fault.into()));
        let facts = report.into_iter().chain(fault);
        facts.map(|(name, fact)| (name.to_owned(), fact)).collect()
    }
}

/// Whether the report is as a drill of this platform signed it.
pub(crate) fn is_signed(report: &Value, root: &RootSecret) -> bool {
    FileSeal::of_reports(root).verify_json(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(recovery_time_ms: u64, recovery_point_seconds: u64) -> Result<(), String> {
        let directory = std::env::temp_dir();
        let settings = Settings::for_tests(&directory).unwrap();
        let mut report = Report::begin(&settings, DateTime::UNIX_EPOCH);
        report.recovery_time_ms = Some(recovery_time_ms);
        report.recovery_point_seconds = Some(recovery_point_seconds);
        report.judge()
    }

    #[test]
    fn an_hour_of_recovery_and_a_day_of_loss_are_allowed_and_no_more() {
        assert_eq!(measured(3_600_000, 86_400), Ok(()));
        assert!(
            measured(3_600_001, 0)
                .unwrap_err()
                .contains("RECOVERY_TIME")
        );
        assert!(measured(0, 86_401).unwrap_err().contains("RECOVERY_POINT"));
    }
}
