//! What is due is done once, by one of several, on both databases.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use saas_domain::{Clock, Random};
use saas_recovery::{Attempt, Ended, Fault, Scheduler, Stop, Tick, Timing, Work};
use saas_storage::{
    Database, DatabaseSettings,
    recovery::{self, RecoveryRun, RunKind, RunStatus},
};
use saas_testkit::TestDatabase;
use serde_json::{Map, Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// A database on which several processes are played, and their clock.
struct Site {
    url: String,
    clock: Clock,
    log: Log,
    _server: Option<TestDatabase>,
    directory: PathBuf,
}

/// What the played processes did.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Attempt>>>, Arc<Mutex<Vec<Ended>>>);

impl Log {
    fn attempts(&self) -> Vec<Attempt> {
        self.0.lock().unwrap().clone()
    }

    fn ended(&self) -> Vec<Ended> {
        self.1.lock().unwrap().clone()
    }
}

/// Work that fails, or waits, as the test says.
#[derive(Clone, Default)]
struct Played {
    log: Log,
    fails: Arc<AtomicBool>,
    hangs: Arc<AtomicBool>,
    begun: Arc<Notify>,
    release: Arc<Notify>,
}

impl Work for Played {
    async fn attempt(&self, attempt: &Attempt, stop: &Stop) -> Result<Map<String, Value>, Fault> {
        self.log.0.lock().unwrap().push(attempt.clone());
        self.begun.notify_one();
        let told = async {
            while !stop.is_told() {
                tokio::task::yield_now().await;
            }
        };
        if self.hangs.load(Ordering::Relaxed) {
            tokio::select! {
                () = self.release.notified() => {}
                () = told => return Err("stopped".into()),
            }
        }
        if self.fails.load(Ordering::Relaxed) {
            return Err("the disk is full".into());
        }
        Ok(Map::from_iter([("bytes".to_owned(), json!(7))]))
    }

    async fn ended(&self, ended: &Ended) {
        self.log.1.lock().unwrap().push(ended.clone());
    }
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

impl Site {
    async fn sqlite() -> Self {
        let directory = directory();
        let url = format!("sqlite://{}/saas.db", directory.display());
        saas_migration::up(&url).await.unwrap();
        Self::new(url, None, directory)
    }

    async fn postgres() -> Self {
        let migrate = |url: String| async move { saas_migration::up(&url).await.map(drop) };
        let server = TestDatabase::create(migrate).await.unwrap();
        Self::new(server.url().to_owned(), Some(server), directory())
    }

    fn new(url: String, server: Option<TestDatabase>, directory: PathBuf) -> Self {
        Self {
            url,
            clock: Clock::manual(at("2026-03-01T12:00:00Z")),
            log: Log::default(),
            _server: server,
            directory,
        }
    }

    /// A process of its own.
    async fn process(&self, timing: Timing) -> (Scheduler<Played>, Played, Database) {
        let settings = DatabaseSettings {
            url: self.url.clone(),
            min_connections: 0,
            max_connections: 4,
        };
        let database = Database::open(settings, self.clock.clone(), Random::os());
        let database = database.await.unwrap();
        let work = Played {
            log: self.log.clone(),
            ..Played::default()
        };
        let cron = "0 2 * * *".parse().unwrap();
        let played = work.clone();
        let scheduler = Scheduler::new(database.clone(), RunKind::Backup, cron, timing, work);
        (scheduler, played, database)
    }

    /// Ticks as soon as the lease of who died is over.
    async fn inherit(&self, heir: &Scheduler<Played>) -> Tick {
        let never = CancellationToken::new();
        for _ in 0..1000 {
            self.clock.advance(TimeDelta::milliseconds(10));
            match heir.tick(&never).await.unwrap() {
                Tick::Elsewhere => tokio::time::sleep(Duration::from_millis(10)).await,
                tick => return tick,
            }
        }
        panic!("the lease is never over");
    }

    fn days(&self) -> Vec<String> {
        let attempts = self.log.attempts();
        let days = attempts.iter();
        days.map(|one| one.scheduled_for.format("%m-%d %H").to_string())
            .collect()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn directory() -> PathBuf {
    let name: [u8; 8] = Random::os().bytes();
    let name = format!("saas-schedule-{:x}", u64::from_le_bytes(name));
    let path = std::env::temp_dir().join(name);
    std::fs::create_dir(&path).unwrap();
    path
}

/// Who died is soon dead, and nobody waits after a failure.
fn hasty() -> Timing {
    Timing {
        lease: Duration::from_millis(200),
        attempts: 3,
        pause: Duration::ZERO,
    }
}

async fn runs(database: &Database) -> Vec<RecoveryRun> {
    let tx = database.system_read("test").await.unwrap();
    recovery::list(&tx, RunKind::Backup, 100).await.unwrap()
}

macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(super::Site::sqlite().await).await; })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(super::Site::postgres().await).await; })+
        }
    };
}

on_both!(
    a_new_installation_waits_for_its_first_night,
    of_two_processes_one_does_it,
    what_was_missed_is_made_up_for_once,
    a_failure_is_tried_again_with_a_bound_and_told_each_time,
    who_died_is_replaced,
    who_dies_again_and_again_is_given_up,
    who_is_stopped_leaves_it_to_the_next,
    a_moment_of_a_clock_that_was_wrong_stops_nothing,
);

async fn a_new_installation_waits_for_its_first_night(site: Site) {
    let never = CancellationToken::new();
    let (scheduler, ..) = site.process(Timing::default()).await;
    assert_eq!(scheduler.tick(&never).await.unwrap(), Tick::Idle);
    site.clock.advance(TimeDelta::hours(13));
    assert_eq!(scheduler.tick(&never).await.unwrap(), Tick::Idle);
    site.clock.advance(TimeDelta::hours(1));
    let tick = scheduler.tick(&never).await.unwrap();
    assert!(matches!(tick, Tick::Ended(_)), "{tick:?}");
    assert_eq!(scheduler.tick(&never).await.unwrap(), Tick::Idle);
    assert_eq!(site.days(), ["03-02 02"]);
}

async fn of_two_processes_one_does_it(site: Site) {
    let never = CancellationToken::new();
    let (one, work, database) = site.process(Timing::default()).await;
    let (other, ..) = site.process(Timing::default()).await;
    database.installation().await.unwrap();
    site.clock.advance(TimeDelta::days(1));
    work.hangs.store(true, Ordering::Relaxed);
    let cancel = never.clone();
    let task = tokio::spawn(async move { one.tick(&cancel).await.unwrap() });
    work.begun.notified().await;
    assert_eq!(other.tick(&never).await.unwrap(), Tick::Elsewhere);
    work.release.notify_one();
    let Tick::Ended(ended) = task.await.unwrap() else {
        panic!("it was done");
    };
    assert!(ended.outcome.is_ok() && ended.again_after.is_none());
    assert_eq!(other.tick(&never).await.unwrap(), Tick::Idle);
    // Both at once, each night.
    for _ in 0..5 {
        site.clock.advance(TimeDelta::days(1));
        let (one, _, _) = site.process(Timing::default()).await;
        let ticks = tokio::join!(one.tick(&never), other.tick(&never));
        let ticks = [ticks.0.unwrap(), ticks.1.unwrap()];
        let ended = ticks.iter().filter(|tick| matches!(tick, Tick::Ended(_)));
        assert_eq!(ended.count(), 1, "{ticks:?}");
    }
    assert_eq!(site.log.attempts().len(), 6);
    let runs = runs(&database).await;
    assert_eq!(runs.len(), 6);
    assert!(runs.iter().all(|run| run.status == RunStatus::Succeeded));
    let detail: Value = serde_json::from_str(&runs[0].detail).unwrap();
    assert_eq!(detail, json!({ "attempt": 1, "bytes": 7 }));
}

async fn what_was_missed_is_made_up_for_once(site: Site) {
    let never = CancellationToken::new();
    let (scheduler, ..) = site.process(hasty()).await;
    assert_eq!(scheduler.tick(&never).await.unwrap(), Tick::Idle);
    // The first nights, and later ones.
    for nights in [3, 5] {
        site.clock.advance(TimeDelta::days(nights));
        let (restarted, ..) = site.process(hasty()).await;
        assert!(matches!(
            restarted.tick(&never).await.unwrap(),
            Tick::Ended(_)
        ));
        assert_eq!(restarted.tick(&never).await.unwrap(), Tick::Idle);
    }
    assert_eq!(site.days(), ["03-04 02", "03-09 02"]);
}

async fn a_failure_is_tried_again_with_a_bound_and_told_each_time(site: Site) {
    let never = CancellationToken::new();
    let (scheduler, work, database) = site.process(hasty()).await;
    database.installation().await.unwrap();
    site.clock.advance(TimeDelta::days(1));
    work.fails.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        assert!(matches!(
            scheduler.tick(&never).await.unwrap(),
            Tick::Ended(_)
        ));
    }
    assert_eq!(scheduler.tick(&never).await.unwrap(), Tick::Idle);
    let told: Vec<_> = site.log.ended();
    let numbers: Vec<_> = told.iter().map(|ended| ended.attempt.number).collect();
    assert_eq!(numbers, [1, 2, 3]);
    let again: Vec<_> = told
        .iter()
        .map(|ended| ended.again_after.is_some())
        .collect();
    assert_eq!(again, [true, true, false]);
    assert!(
        told.iter()
            .all(|ended| ended.outcome == Err("the disk is full".into()))
    );
    let failed = runs(&database).await;
    assert_eq!((failed.len(), failed[0].status), (1, RunStatus::Failed));
    assert!(failed[0].detail.contains("the disk is full"));
    // The next night is a new one.
    work.fails.store(false, Ordering::Relaxed);
    site.clock.advance(TimeDelta::days(1));
    assert!(matches!(
        scheduler.tick(&never).await.unwrap(),
        Tick::Ended(_)
    ));
    assert_eq!(runs(&database).await[0].status, RunStatus::Succeeded);
    // A pause that is not over is waited for.
    let patient = Timing {
        pause: Duration::from_hours(1),
        ..hasty()
    };
    let (patient, work, _) = site.process(patient).await;
    site.clock.advance(TimeDelta::days(1));
    work.fails.store(true, Ordering::Relaxed);
    assert!(matches!(
        patient.tick(&never).await.unwrap(),
        Tick::Ended(_)
    ));
    assert_eq!(patient.tick(&never).await.unwrap(), Tick::Idle);
}

async fn who_died_is_replaced(site: Site) {
    let never = CancellationToken::new();
    let (dies, work, database) = site.process(hasty()).await;
    database.installation().await.unwrap();
    site.clock.advance(TimeDelta::days(1));
    work.hangs.store(true, Ordering::Relaxed);
    let cancel = never.clone();
    let task = tokio::spawn(async move { dies.tick(&cancel).await });
    work.begun.notified().await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(runs(&database).await[0].status, RunStatus::Running);
    let (heir, ..) = site.process(hasty()).await;
    let Tick::Ended(ended) = site.inherit(&heir).await else {
        panic!("it was taken over");
    };
    assert_eq!(ended.attempt.number, 2);
    let runs = runs(&database).await;
    assert_eq!((runs.len(), runs[0].status), (1, RunStatus::Succeeded));
}

async fn who_dies_again_and_again_is_given_up(site: Site) {
    let never = CancellationToken::new();
    let (_, _, database) = site.process(hasty()).await;
    database.installation().await.unwrap();
    site.clock.advance(TimeDelta::days(1));
    for _ in 0..3 {
        let (dies, work, _) = site.process(hasty()).await;
        work.hangs.store(true, Ordering::Relaxed);
        let inherits = site.inherit(&dies);
        tokio::select! {
            tick = inherits => panic!("it hangs: {tick:?}"),
            () = work.begun.notified() => {}
        }
    }
    let (heir, ..) = site.process(hasty()).await;
    let Tick::Ended(ended) = site.inherit(&heir).await else {
        panic!("it was given up");
    };
    assert!(ended.outcome.is_err() && ended.again_after.is_none());
    assert_eq!(heir.tick(&never).await.unwrap(), Tick::Idle);
    assert_eq!(site.log.attempts().len(), 3);
    assert_eq!(runs(&database).await[0].status, RunStatus::Failed);
}

async fn who_is_stopped_leaves_it_to_the_next(site: Site) {
    let (stops, work, database) = site.process(hasty()).await;
    database.installation().await.unwrap();
    site.clock.advance(TimeDelta::days(1));
    work.hangs.store(true, Ordering::Relaxed);
    let shutdown = CancellationToken::new();
    let cancel = shutdown.clone();
    let task = tokio::spawn(async move { stops.tick(&cancel).await.unwrap() });
    work.begun.notified().await;
    shutdown.cancel();
    assert_eq!(task.await.unwrap(), Tick::Interrupted);
    assert!(site.log.ended().is_empty(), "nobody is told of a restart");
    let (next, ..) = site.process(hasty()).await;
    let never = CancellationToken::new();
    let Tick::Ended(ended) = next.tick(&never).await.unwrap() else {
        panic!("it was done");
    };
    assert_eq!((ended.attempt.number, ended.outcome.is_ok()), (1, true));
    assert_eq!(runs(&database).await.len(), 1);
}

async fn a_moment_of_a_clock_that_was_wrong_stops_nothing(site: Site) {
    let never = CancellationToken::new();
    let (scheduler, _, database) = site.process(hasty()).await;
    database.installation().await.unwrap();
    site.clock.advance(TimeDelta::days(4000));
    assert!(matches!(
        scheduler.tick(&never).await.unwrap(),
        Tick::Ended(_)
    ));
    site.clock.advance(TimeDelta::days(-3999));
    assert!(matches!(
        scheduler.tick(&never).await.unwrap(),
        Tick::Ended(_)
    ));
    assert_eq!(site.days()[1], "03-02 02");
}
