//! Transactions, the change log, leadership and the installation, on both databases.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use saas_storage::{ChangePosition, ChangeStream, Changes};
use support::Fixture;
use uuid::Uuid;

on_both!(
    a_new_database_is_ready_and_knows_itself,
    changes_are_numbered_without_gaps_however_many_write_at_once,
    the_log_tells_what_it_has_forgotten,
    a_watcher_wakes_when_another_process_commits,
    a_reading_transaction_refuses_to_write,
    one_leads_until_its_lease_ends_or_it_resigns,
    a_new_epoch_makes_old_positions_unknown,
    it_is_measured_and_its_transactions_are_told_to_who_asked,
);

async fn it_is_measured_and_its_transactions_are_told_to_who_asked(t: Fixture) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let to = told.clone();
    let observed = t.db.clone().observed(move |began| {
        to.lock().unwrap().push(began.is_ok());
    });
    observed.ping().await.unwrap();
    assert_eq!(*told.lock().unwrap(), [true]);
    // Another clone's are its own.
    let figures = t.db.figures().await.unwrap();
    assert!(figures.size_bytes > 10_000, "{figures:?}");
    assert_eq!(figures.replicas, []);
    assert_eq!(*told.lock().unwrap(), [true]);
    let (in_use, idle) = t.db.connections();
    assert!(in_use + idle <= t.db.connection_limit());
    observed.close().await;
    assert!(observed.ping().await.unwrap_err().is_unavailable());
    assert_eq!(*told.lock().unwrap(), [true, false]);
}

async fn a_new_database_is_ready_and_knows_itself(t: Fixture) {
    t.db.ready().await.unwrap();
    let installation = t.db.installation().await.unwrap();
    assert_eq!(t.again().await.installation().await.unwrap(), installation);
    assert_eq!(
        t.db.changes(ChangeStream::Trust).latest().await.unwrap(),
        ChangePosition {
            epoch: installation.epoch,
            number: 0
        }
    );
}

async fn changes_are_numbered_without_gaps_however_many_write_at_once(t: Fixture) {
    t.db.installation().await.unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let db = t.db.clone();
        writers.spawn(async move {
            for change in 0..5 {
                let subjects = [
                    format!("a:{writer}:{change}"),
                    format!("b:{writer}:{change}"),
                ];
                let tx = db.system("test").await.unwrap();
                tx.commit_with_changes(ChangeStream::Registry, &subjects)
                    .await
                    .unwrap();
            }
        });
    }
    writers.join_all().await;
    let log = t.db.changes(ChangeStream::Registry);
    let latest = log.latest().await.unwrap();
    assert_eq!(latest.number, 80);
    let start = ChangePosition {
        number: 0,
        ..latest
    };
    let Changes::Complete(changes) = log.since(start, 1000).await.unwrap() else {
        unreachable!("nothing was pruned")
    };
    let numbers: Vec<i64> = changes.iter().map(|change| change.number).collect();
    assert_eq!(numbers, (1..=80).collect::<Vec<_>>());
    let trust = t.db.changes(ChangeStream::Trust);
    assert_eq!(trust.latest().await.unwrap().number, 0);
}

async fn the_log_tells_what_it_has_forgotten(t: Fixture) {
    let log = t.db.changes(ChangeStream::Registry);
    let start = log.latest().await.unwrap();
    for _ in 0..3 {
        let tx = t.db.system("test").await.unwrap();
        tx.commit_with_changes(ChangeStream::Registry, &["service:a".to_owned()])
            .await
            .unwrap();
    }
    let at = |number| ChangePosition { number, ..start };
    assert_eq!(log.prune(chrono::Duration::hours(1)).await.unwrap(), 0);
    assert!(matches!(log.since(at(0), 9).await.unwrap(), Changes::Complete(c) if c.len() == 3));
    // The newest stays, however old: numbers go on from it.
    let all = -chrono::Duration::hours(1);
    assert_eq!(log.prune(all).await.unwrap(), 2);
    assert_eq!(log.latest().await.unwrap(), at(3));
    assert_eq!(log.since(at(1), 9).await.unwrap(), Changes::Forgotten);
    assert!(matches!(log.since(at(2), 9).await.unwrap(), Changes::Complete(c) if c.len() == 1));
    assert_eq!(
        log.since(at(3), 9).await.unwrap(),
        Changes::Complete(vec![])
    );
    assert_eq!(log.since(at(7), 9).await.unwrap(), Changes::Forgotten);
}

async fn a_watcher_wakes_when_another_process_commits(t: Fixture) {
    let log = t.db.changes(ChangeStream::Trust);
    let start = log.latest().await.unwrap();
    let mut watch = t.db.watch_changes(ChangeStream::Trust);
    let other = t.again().await;
    let tx = other.system("test").await.unwrap();
    tx.commit_with_changes(ChangeStream::Trust, &["keys".to_owned()])
        .await
        .unwrap();
    loop {
        watch.woken().await;
        if let Changes::Complete(changes) = log.since(start, 9).await.unwrap()
            && let Some(change) = changes.first()
        {
            assert_eq!((change.number, change.subject.as_str()), (1, "keys"));
            return;
        }
    }
}

async fn a_reading_transaction_refuses_to_write(t: Fixture) {
    let tx = t.db.system_read("test").await.unwrap();
    let outcome = tx
        .commit_with_changes(ChangeStream::Trust, &["keys".to_owned()])
        .await;
    assert!(outcome.is_err());
    let latest = t.db.changes(ChangeStream::Trust).latest().await.unwrap();
    assert_eq!(latest.number, 0);
}

async fn one_leads_until_its_lease_ends_or_it_resigns(t: Fixture) {
    let other = t.again().await;
    let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let long = Duration::from_mins(1);
    assert!(t.db.try_lead("sweeper", first, long).await.unwrap());
    assert!(!other.try_lead("sweeper", second, long).await.unwrap());
    assert!(t.db.try_lead("sweeper", first, long).await.unwrap());
    assert!(other.try_lead("another", second, long).await.unwrap());
    t.db.resign("sweeper", second).await.unwrap();
    assert!(!other.try_lead("sweeper", second, long).await.unwrap());
    t.db.resign("sweeper", first).await.unwrap();
    assert!(
        other
            .try_lead("sweeper", second, Duration::ZERO)
            .await
            .unwrap()
    );
    assert!(t.db.try_lead("sweeper", first, long).await.unwrap());
}

async fn a_new_epoch_makes_old_positions_unknown(t: Fixture) {
    let log = t.db.changes(ChangeStream::Registry);
    let before = log.latest().await.unwrap();
    let first = t.db.begin_epoch().await.unwrap();
    let second = t.db.begin_epoch().await.unwrap();
    assert!(before.epoch < first.epoch && first.epoch < second.epoch);
    assert_eq!(log.since(before, 9).await.unwrap(), Changes::Forgotten);
    assert_eq!(log.latest().await.unwrap().epoch, second.epoch);
}
