//! The rows of backups and drills, on both databases.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use chrono::{DateTime, Duration, Utc};
use saas_storage::recovery::{
    RunKind, RunStatus, begin, find, finish, last_finished, last_scheduled, list, prune, take_over,
};
use support::Fixture;

on_both!(
    a_moment_of_the_schedule_is_begun_once,
    a_run_is_taken_over_once_and_ended_by_who_has_it,
    runs_are_listed_and_forgotten,
);

fn two_in_the_morning() -> DateTime<Utc> {
    "2026-03-01T02:00:00Z".parse().unwrap()
}

async fn a_moment_of_the_schedule_is_begun_once(t: Fixture) {
    let other = t.again().await;
    let moment = Some(two_in_the_morning());
    let attempts = [t.db.clone(), other].map(|db| async move {
        let tx = db.system("test").await.unwrap();
        let run = begin(&tx, RunKind::Backup, moment, "one").await.unwrap();
        tx.commit().await.unwrap();
        run
    });
    let [first, second] = attempts;
    let begun = tokio::join!(first, second);
    assert!(begun.0.is_some() != begun.1.is_some(), "{begun:?}");
    let tx = t.db.system("test").await.unwrap();
    let run = last_scheduled(&tx, RunKind::Backup, two_in_the_morning())
        .await
        .unwrap();
    assert_eq!(run, begun.0.or(begun.1));
    let earlier = two_in_the_morning() - Duration::seconds(1);
    let before = last_scheduled(&tx, RunKind::Backup, earlier).await.unwrap();
    assert_eq!(before, None);
    // Another kind has its own, and what somebody asked for is not of the schedule.
    assert!(
        begin(&tx, RunKind::Drill, moment, "one")
            .await
            .unwrap()
            .is_some()
    );
    for _ in 0..2 {
        let asked = begin(&tx, RunKind::Drill, None, "one").await.unwrap();
        assert!(asked.is_some());
    }
    let drill = last_scheduled(&tx, RunKind::Drill, two_in_the_morning())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(drill.scheduled_for, moment);
}

async fn a_run_is_taken_over_once_and_ended_by_who_has_it(t: Fixture) {
    let tx = t.db.system("test").await.unwrap();
    let moment = Some(two_in_the_morning());
    let run = begin(&tx, RunKind::Backup, moment, "dead")
        .await
        .unwrap()
        .unwrap();
    assert!(take_over(&tx, &run, "heir", "{}").await.unwrap());
    assert!(!take_over(&tx, &run, "late", "{}").await.unwrap());
    let end = async |holder, status| {
        finish(&tx, run.id, holder, status, r#"{"a":1}"#)
            .await
            .unwrap()
    };
    assert!(!end("dead", RunStatus::Succeeded).await);
    assert!(end("heir", RunStatus::Failed).await);
    assert!(!end("heir", RunStatus::Succeeded).await);
    // What failed may be tried again, what is done may not.
    let failed = find(&tx, run.id).await.unwrap().unwrap();
    assert_eq!(
        (failed.status, failed.detail.as_str()),
        (RunStatus::Failed, r#"{"a":1}"#)
    );
    assert!(take_over(&tx, &failed, "heir", "{}").await.unwrap());
    assert!(end("heir", RunStatus::Succeeded).await);
    let done = find(&tx, run.id).await.unwrap().unwrap();
    assert!(done.finished_at.is_some());
    assert!(!take_over(&tx, &done, "late", "{}").await.unwrap());
    let last = async |status| last_finished(&tx, RunKind::Backup, status).await.unwrap();
    assert_eq!(last(RunStatus::Succeeded).await, Some(done));
    assert_eq!(last(RunStatus::Failed).await, None);
}

async fn runs_are_listed_and_forgotten(t: Fixture) {
    let tx = t.db.system("test").await.unwrap();
    for _ in 0..3 {
        begin(&tx, RunKind::Drill, None, "one")
            .await
            .unwrap()
            .unwrap();
    }
    let runs = list(&tx, RunKind::Drill, 2).await.unwrap();
    assert_eq!(runs.len(), 2);
    assert!(runs[0].started_at >= runs[1].started_at);
    assert_eq!(list(&tx, RunKind::Backup, 9).await.unwrap(), []);
    let now = tx.database_time().await.unwrap();
    assert_eq!(
        prune(&tx, RunKind::Drill, now - Duration::days(1))
            .await
            .unwrap(),
        0
    );
    let later = now + Duration::seconds(1);
    assert_eq!(prune(&tx, RunKind::Backup, later).await.unwrap(), 0);
    assert_eq!(prune(&tx, RunKind::Drill, later).await.unwrap(), 3);
}
