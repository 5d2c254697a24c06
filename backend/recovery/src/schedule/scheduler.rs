//! One of several processes does what is due.
//!
//! Two things keep others from doing the same: a lease, held as long as the work goes on, and the row
//! of the moment in `recovery_runs`. A row that says "running" while its lease is free is of a process
//! that died; the next one takes it over. A moment that passed while nobody was there is made up for,
//! once, however many passed.

use std::{fmt, future::Future, pin::pin, time::Duration};

use chrono::{DateTime, Utc};
use saas_storage::{
    Database, StorageError,
    recovery::{self, RecoveryRun, RunKind, RunStatus},
};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Cron;
use crate::Stop;

/// How often a process that has nothing to do looks whether that is still so. The clock may be set.
const LOOK: Duration = Duration::from_secs(30);
/// For how long runs are remembered.
const REMEMBERED: chrono::Duration = chrono::Duration::days(400);

/// What is done when it is due.
pub trait Work: Send + Sync {
    /// Does it: what there is to say of it, as a JSON object, or in one sentence why it came to
    /// nothing. Once `stop` says so it ends soon and leaves nothing half done.
    fn attempt(
        &self,
        attempt: &Attempt,
        stop: &Stop,
    ) -> impl Future<Output = Result<Map<String, Value>, Fault>> + Send;

    /// Hears how an attempt ended, once that is on record.
    fn ended(&self, ended: &Ended) -> impl Future<Output = ()> + Send;
}

/// Why a try came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// In one sentence.
    pub sentence: String,
    /// What else there is to say of it.
    pub told: Map<String, Value>,
}

impl From<String> for Fault {
    fn from(sentence: String) -> Self {
        Self {
            sentence,
            told: Map::new(),
        }
    }
}

impl From<&str> for Fault {
    fn from(sentence: &str) -> Self {
        sentence.to_owned().into()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

/// One try of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The run's identifier.
    pub run: Uuid,
    /// The moment of the schedule that it is for.
    pub scheduled_for: DateTime<Utc>,
    /// Which one it is, from 1 on.
    pub number: u32,
    /// How many there are at most.
    pub most: u32,
}

/// How a try ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// The try.
    pub attempt: Attempt,
    /// What came of it.
    pub outcome: Result<Map<String, Value>, Fault>,
    /// After how long it will be tried again, if it will.
    pub again_after: Option<Duration>,
}

/// How patient a scheduler is.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// After how long without a sign of life a process counts as dead.
    pub lease: Duration,
    /// How often a run is tried.
    pub attempts: u32,
    /// How long after the first failure it is tried again; after the second, twice as long.
    pub pause: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(20),
            attempts: 4,
            pause: Duration::from_mins(2),
        }
    }
}

/// What came of looking once.
#[derive(Clone, Debug, PartialEq)]
pub enum Tick {
    /// Nothing is due.
    Idle,
    /// Something is due, and another process does it.
    Elsewhere,
    /// It was due, and was done here, or not.
    Ended(Ended),
    /// It was begun here and cut off: this process is to stop, or another one took over.
    Interrupted,
}

/// Does one kind of work by a schedule.
#[derive(Debug)]
pub struct Scheduler<W> {
    database: Database,
    kind: RunKind,
    cron: Cron,
    timing: Timing,
    holder: Uuid,
    work: W,
}

/// What is due.
#[derive(Debug)]
enum Due {
    /// A moment that nobody has begun.
    Moment(DateTime<Utc>),
    /// A run that failed, or whose process died if the lease is free.
    Again(RecoveryRun, DateTime<Utc>),
}

impl<W: Work> Scheduler<W> {
    /// A scheduler of this process. What tells the time of the schedule is the database's injected
    /// clock; leases and pauses are measured by the database.
    pub fn new(database: Database, kind: RunKind, cron: Cron, timing: Timing, work: W) -> Self {
        let holder = uuid::Builder::from_random_bytes(database.random().bytes()).into_uuid();
        Self {
            database,
            kind,
            cron,
            timing,
            holder,
            work,
        }
    }

    /// Looks and does what is due until `shutdown`; then the work under way is told to stop, and its
    /// run is left for the next process.
    pub async fn run(&self, shutdown: &CancellationToken) {
        let mut is_told = false;
        while !shutdown.is_cancelled() {
            let wait = match self.tick(shutdown).await {
                Ok(tick) => {
                    is_told = false;
                    match tick {
                        Tick::Idle => self.until_next(),
                        Tick::Elsewhere | Tick::Interrupted => self.timing.lease / 4,
                        Tick::Ended(_) => Duration::ZERO,
                    }
                }
                Err(error) => {
                    let (kind, error) = (self.kind.as_str(), error.chain());
                    if std::mem::replace(&mut is_told, true) {
                        tracing::debug!(kind, error, "the schedule still cannot be looked at");
                    } else {
                        tracing::warn!(
                            kind,
                            error,
                            "the schedule cannot be looked at; trying again"
                        );
                    }
                    self.timing.lease / 4
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Looks once, and does what is due.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when the database is away.
    pub async fn tick(&self, shutdown: &CancellationToken) -> Result<Tick, StorageError> {
        if self.due().await?.is_none() {
            return Ok(Tick::Idle);
        }
        let lease = self.lease();
        let period = self.timing.lease;
        if !self.database.try_lead(&lease, self.holder, period).await? {
            return Ok(Tick::Elsewhere);
        }
        // Looked at again: from here on nobody else begins one.
        let done = match self.due().await {
            Ok(Some(due)) => self.perform(due, shutdown).await,
            Ok(None) => Ok(Tick::Idle),
            Err(error) => Err(error),
        };
        if let Err(error) = self.database.resign(&lease, self.holder).await {
            tracing::debug!(error = error.chain(), "the lease ends by itself");
        }
        done
    }

    fn lease(&self) -> String {
        format!("recovery.{}", self.kind.as_str())
    }

    fn until_next(&self) -> Duration {
        let now = self.database.clock().now();
        let next = self.cron.next(now);
        let wait = next.and_then(|next| (next - now).to_std().ok());
        wait.map_or(LOOK, |wait| wait.min(LOOK))
    }

    async fn due(&self) -> Result<Option<Due>, StorageError> {
        let now = self.database.clock().now();
        let Some(moment) = self.cron.latest(now) else {
            return Ok(None);
        };
        let installation = self.database.installation().await?;
        let tx = self.database.system_read("recovery.due").await?;
        let Some(last) = recovery::last_scheduled(&tx, self.kind, now).await? else {
            // Before there was anything to lose, nothing was missed.
            let is_new = installation.created_at > moment;
            return Ok((!is_new).then_some(Due::Moment(moment)));
        };
        if last.scheduled_for < Some(moment) && last.status != RunStatus::Running {
            return Ok(Some(Due::Moment(moment)));
        }
        match last.status {
            RunStatus::Succeeded => Ok(None),
            RunStatus::Running => Ok(Some(Due::Again(last, moment))),
            RunStatus::Failed => {
                let tried = attempts(&last);
                let since = tx.database_time().await? - last.finished_at.unwrap_or(last.started_at);
                let is_over = since.to_std().unwrap_or_default() >= self.pause(tried);
                let is_due = tried < self.timing.attempts && is_over;
                Ok(is_due.then_some(Due::Again(last, moment)))
            }
        }
    }

    /// How long to wait after so many failures.
    fn pause(&self, failures: u32) -> Duration {
        match failures {
            // What was stopped by us did not fail.
            0 => Duration::ZERO,
            failures => self.timing.pause * (1 << (failures - 1).min(6)),
        }
    }

    async fn perform(&self, due: Due, shutdown: &CancellationToken) -> Result<Tick, StorageError> {
        let (run, number) = match due {
            Due::Moment(moment) => (self.begin(moment).await?, 1),
            Due::Again(last, moment) => {
                let tried = attempts(&last);
                let is_past = last.scheduled_for < Some(moment);
                if is_past || tried >= self.timing.attempts {
                    return self.give_up(last, tried, is_past).await;
                }
                let run = self.take_over(last, tried).await?;
                (run, tried + 1)
            }
        };
        let Some(run) = run else {
            return Ok(Tick::Elsewhere);
        };
        let attempt = self.attempt(&run, number);
        let kind = self.kind.as_str();
        tracing::info!(kind, run = %run.id, scheduled_for = %attempt.scheduled_for, attempt = number, "begun");
        let stop = Stop::default();
        let outcome = self.attended(&attempt, &stop, shutdown).await;
        if stop.is_told() && outcome.is_err() {
            let detail = detail(number - 1, &Err("stopped".into()));
            self.finish(&run, RunStatus::Failed, &detail).await?;
            return Ok(Tick::Interrupted);
        }
        self.end(&run, attempt, outcome).await
    }

    fn attempt(&self, run: &RecoveryRun, number: u32) -> Attempt {
        Attempt {
            run: run.id,
            scheduled_for: run.scheduled_for.unwrap_or(run.started_at),
            number,
            most: self.timing.attempts,
        }
    }

    async fn begin(&self, moment: DateTime<Utc>) -> Result<Option<RecoveryRun>, StorageError> {
        let tx = self.database.system("recovery.begin").await?;
        let holder = self.holder.to_string();
        let run = recovery::begin(&tx, self.kind, Some(moment), &holder).await?;
        let now = tx.database_time().await?;
        recovery::prune(&tx, self.kind, now - REMEMBERED).await?;
        tx.commit().await?;
        Ok(run)
    }

    async fn take_over(
        &self,
        last: RecoveryRun,
        tried: u32,
    ) -> Result<Option<RecoveryRun>, StorageError> {
        if last.status == RunStatus::Running {
            let (kind, holder) = (self.kind.as_str(), &last.holder);
            tracing::warn!(kind, run = %last.id, holder, "the process that ran it is gone; beginning it again");
        }
        let holder = self.holder.to_string();
        let tx = self.database.system("recovery.take_over").await?;
        let detail = json!({ "attempt": tried + 1 }).to_string();
        let is_ours = recovery::take_over(&tx, &last, &holder, &detail).await?;
        tx.commit().await?;
        Ok(is_ours.then_some(RecoveryRun { holder, ..last }))
    }

    /// Closes a run whose process died once too often, or for whose moment another one came.
    async fn give_up(
        &self,
        last: RecoveryRun,
        tried: u32,
        is_past: bool,
    ) -> Result<Tick, StorageError> {
        let Some(run) = self.take_over(last, tried).await? else {
            return Ok(Tick::Elsewhere);
        };
        // What a backup says of the run that made it is that it goes on.
        let is_of_backup =
            run.started_at.timestamp_millis() < self.database.installation().await?.epoch;
        if is_of_backup {
            let outcome = Err("its end came after the backup that was restored".into());
            self.finish(&run, RunStatus::Failed, &detail(tried, &outcome))
                .await?;
            return Ok(Tick::Interrupted);
        }
        let outcome = Err("the process that ran it ended before it".into());
        let mut attempt = self.attempt(&run, tried);
        if is_past {
            // Not again, since the next one is due.
            attempt.most = tried;
        }
        self.end(&run, attempt, outcome).await
    }

    async fn end(
        &self,
        run: &RecoveryRun,
        attempt: Attempt,
        outcome: Result<Map<String, Value>, Fault>,
    ) -> Result<Tick, StorageError> {
        let status = match outcome {
            Ok(_) => RunStatus::Succeeded,
            Err(_) => RunStatus::Failed,
        };
        let again = outcome.is_err() && attempt.number < attempt.most;
        if !self
            .finish(run, status, &detail(attempt.number, &outcome))
            .await?
        {
            tracing::warn!(kind = self.kind.as_str(), run = %run.id, "another process took it over meanwhile");
            return Ok(Tick::Interrupted);
        }
        let ended = Ended {
            again_after: again.then(|| self.pause(attempt.number)),
            attempt,
            outcome,
        };
        self.work.ended(&ended).await;
        Ok(Tick::Ended(ended))
    }

    async fn finish(
        &self,
        run: &RecoveryRun,
        status: RunStatus,
        detail: &str,
    ) -> Result<bool, StorageError> {
        let tx = self.database.system("recovery.finish").await?;
        let holder = self.holder.to_string();
        let is_ours = recovery::finish(&tx, run.id, &holder, status, detail).await?;
        tx.commit().await?;
        Ok(is_ours)
    }

    /// The work, with a sign of life every now and then; told to stop when the process is, or when
    /// another one has the lease.
    async fn attended(
        &self,
        attempt: &Attempt,
        stop: &Stop,
        shutdown: &CancellationToken,
    ) -> Result<Map<String, Value>, Fault> {
        let mut work = pin!(self.work.attempt(attempt, stop));
        let (lease, period) = (self.lease(), self.timing.lease);
        let mut beat = tokio::time::interval(period / 4);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                outcome = &mut work => return outcome,
                () = shutdown.cancelled(), if !stop.is_told() => stop.now(),
                _ = beat.tick() => {
                    match self.database.try_lead(&lease, self.holder, period).await {
                        Ok(true) => {}
                        Ok(false) => stop.now(),
                        // It goes on as long as it can: the lease may outlive the outage.
                        Err(error) => tracing::debug!(error = error.chain(), "no sign of life was given"),
                    }
                }
            }
        }
    }
}

/// How often a run was tried, by what is on record: where nothing is, it was begun once.
fn attempts(run: &RecoveryRun) -> u32 {
    let detail: Value = serde_json::from_str(&run.detail).unwrap_or_default();
    let number = detail.get("attempt").and_then(Value::as_u64);
    number.map_or(1, |number| u32::try_from(number).unwrap_or(u32::MAX))
}

fn detail(attempt: u32, outcome: &Result<Map<String, Value>, Fault>) -> String {
    let mut detail = match outcome {
        Ok(told) => told.clone(),
        Err(fault) => {
            let mut told = fault.told.clone();
            told.insert("fault".to_owned(), json!(fault.sentence));
            told
        }
    };
    detail.insert("attempt".to_owned(), json!(attempt));
    Value::Object(detail).to_string()
}
