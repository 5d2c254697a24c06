//! Backups by the schedule.

use std::sync::Arc;

use saas_config::Settings;
use saas_recovery::{Attempt, Cron, Ended, Fault, Scheduler, Stop, Timing, Verdict, Work};
use saas_storage::recovery::RunKind;
use serde_json::{Map, Value, json};

use super::{Figures, hook::Event};
use crate::{Failure, commands::backup};

/// When a backup is to be made; `None` if the schedule is off.
///
/// # Errors
/// When `BACKUP_SCHEDULE` is no cron expression.
pub(crate) fn cron(settings: &Settings) -> Result<Option<Cron>, Failure> {
    read("BACKUP_SCHEDULE", settings.backup.schedule.as_deref())
}

/// A setting that says when something is to be done.
pub(super) fn read(name: &str, text: Option<&str>) -> Result<Option<Cron>, Failure> {
    let Some(text) = text else {
        return Ok(None);
    };
    let wrong = |error: saas_recovery::CronTextError| {
        Failure::correctable(format!("{name} is `{text}`, which cannot be used: {error}"))
    };
    text.parse().map(Some).map_err(wrong)
}

/// What makes backups at these moments.
pub(crate) fn scheduler(figures: Figures, cron: Cron) -> Scheduler<Backups> {
    let database = figures.database.clone();
    let timing = Timing::default();
    Scheduler::new(database, RunKind::Backup, cron, timing, Backups(figures))
}

/// Makes a backup, and removes those that nobody needs any more.
pub(crate) struct Backups(Figures);

impl Backups {
    fn settings(&self) -> &Arc<Settings> {
        &self.0.settings
    }
}

impl Work for Backups {
    async fn attempt(&self, _: &Attempt, stop: &Stop) -> Result<Map<String, Value>, Fault> {
        let made = backup::make(self.settings(), stop).await;
        let created = made.map_err(|failure| Fault::from(failure.to_string()))?;
        Ok(backup::facts(&created))
    }

    async fn ended(&self, ended: &Ended) {
        let event = match &ended.outcome {
            Ok(told) => {
                let file = told.get("file").and_then(Value::as_str);
                let bytes = told.get("bytes").and_then(Value::as_u64);
                let seconds = told.get("seconds").and_then(Value::as_f64);
                tracing::info!(file, bytes, seconds, "a backup was made");
                self.prune().await;
                Event::succeeded(told.clone())
            }
            Err(fault) => {
                self.0.metrics.failed();
                let again = ended.again_after.map(|after| after.as_secs());
                let attempt = ended.attempt.number;
                tracing::error!(
                    attempt,
                    again_in_seconds = again,
                    "no backup was made: {fault}"
                );
                Event::failed(&fault.sentence)
                    .with("attempt", json!(attempt))
                    .with("again_after_seconds", json!(again))
            }
        };
        self.0.look().await;
        let event = event.with("scheduled_for", json!(ended.attempt.scheduled_for));
        if let Err(failure) = event.tell(self.settings()).await {
            tracing::warn!("{failure}");
        }
    }
}

impl Backups {
    async fn prune(&self) {
        let removed = |name: &str, _: &Verdict| {
            tracing::info!(name, "an old backup was removed");
            Ok(())
        };
        let stop = Stop::default();
        if let Err(failure) = backup::prune(self.settings(), false, &stop, removed).await {
            tracing::warn!("old backups were not removed: {failure}");
        }
    }
}
