//! Drills by the schedule.

use saas_config::Settings;
use saas_recovery::{Attempt, Cron, Ended, Fault, Scheduler, Stop, Timing, Work};
use saas_storage::recovery::RunKind;
use serde_json::{Map, Value, json};

use super::{Figures, hook::Event, scheduled::read};
use crate::{Failure, drill};

/// Once more, since a server may have been away; a backup does not become better by it.
const ATTEMPTS: u32 = 2;

/// When a drill is to be made; `None` if the schedule is off.
///
/// # Errors
/// When `BACKUP_DRILL_SCHEDULE` is no cron expression.
pub(crate) fn drill_cron(settings: &Settings) -> Result<Option<Cron>, Failure> {
    let text = settings.backup.drill_schedule.as_deref();
    read("BACKUP_DRILL_SCHEDULE", text)
}

/// What makes drills at these moments.
pub(crate) fn drill_scheduler(figures: Figures, cron: Cron) -> Scheduler<Drills> {
    let database = figures.database.clone();
    let timing = Timing {
        attempts: ATTEMPTS,
        ..Timing::default()
    };
    Scheduler::new(database, RunKind::Drill, cron, timing, Drills(figures))
}

/// Proves that the newest backup can be used.
pub(crate) struct Drills(Figures);

impl Work for Drills {
    async fn attempt(&self, _: &Attempt, stop: &Stop) -> Result<Map<String, Value>, Fault> {
        let (settings, database) = (&self.0.settings, &self.0.database);
        let (clock, random) = (database.clock(), database.random());
        let drilled = Box::pin(drill::run(settings, None, clock, random, stop)).await;
        let sealed = drilled.map_err(|failure| Fault::from(failure.to_string()))?;
        let told = sealed.detail();
        match sealed.report.fault {
            None => Ok(told),
            Some(sentence) => Err(Fault { sentence, told }),
        }
    }

    async fn ended(&self, ended: &Ended) {
        self.0.look().await;
        let Err(fault) = &ended.outcome else {
            tracing::info!("a drill proved that the newest backup can be used");
            return;
        };
        let attempt = ended.attempt.number;
        tracing::error!(attempt, "the drill failed: {fault}");
        let event = Event::failed(&fault.sentence)
            .with("event", json!("drill.failed"))
            .with("attempt", json!(attempt))
            .with("scheduled_for", json!(ended.attempt.scheduled_for));
        if let Err(failure) = event.tell(&self.0.settings).await {
            tracing::warn!("{failure}");
        }
    }
}
