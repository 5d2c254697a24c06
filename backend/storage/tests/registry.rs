//! Services, instances, routes and gateway reports, on both databases.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use saas_domain::{RouteId, ServiceName};
use saas_storage::registry::{
    GatewayState, Guarded, InstanceKey, InstanceRecord, InstanceState, RouteRecord, gateways,
    instances, routes, services,
};
use saas_storage::{ChangePosition, Database, DatabaseKind, SystemTx};
use support::Fixture;
use uuid::Uuid;

on_both!(
    an_instance_registers_and_registering_it_again_changes_nothing,
    a_changed_registration_forgets_what_the_check_said_only_if_it_is_reached_otherwise,
    a_lease_ends_unless_it_is_renewed,
    nothing_expires_until_one_lease_after_the_service_was_resumed,
    renewing_and_expiring_at_once_never_deadlocks,
    a_draining_instance_keeps_its_lease_without_heartbeats,
    a_drain_is_undone_once_and_the_lease_is_the_usual_one,
    registering_again_ends_a_drain_and_renewing_does_not,
    a_service_changes_only_for_the_version_it_was_read_in,
    a_service_is_forgotten_when_nothing_holds_it,
    a_route_lives_and_its_version_guards_it,
    a_gateway_is_live_then_lost_then_forgotten,
);

fn name(text: &str) -> ServiceName {
    text.parse().unwrap()
}

fn instance(service: &str, id: &str, lease_seconds: u32) -> InstanceRecord {
    InstanceRecord {
        key: InstanceKey {
            service: name(service),
            id: id.parse().unwrap(),
        },
        address: "10.0.0.7".to_owned(),
        port: 9000,
        scheme: "http".to_owned(),
        version: Some("1.2".to_owned()),
        zone: None,
        weight: 100,
        tags: vec!["blue".to_owned()],
        metadata: BTreeMap::from([("team".to_owned(), "买卖".to_owned())]),
        gateway: serde_json::json!({"public_paths": ["/docs"]}),
        state: InstanceState::Up,
        check: Some(serde_json::json!({"kind": "tcp"})),
        check_passing: None,
        lease_seconds,
        lease_expires_at: chrono::DateTime::UNIX_EPOCH,
        registered_at: chrono::DateTime::UNIX_EPOCH,
        updated_at: chrono::DateTime::UNIX_EPOCH,
    }
}

async fn register(db: &Database, instance: InstanceRecord) -> instances::Registration {
    let tx = db.system("test").await.unwrap();
    services::ensure(&tx, &instance.key.service).await.unwrap();
    let registration = instances::register(&tx, instance).await.unwrap();
    tx.commit().await.unwrap();
    registration
}

async fn read(db: &Database) -> SystemTx {
    db.system_read("test").await.unwrap()
}

async fn an_instance_registers_and_registering_it_again_changes_nothing(t: Fixture) {
    let wanted = instance("orders", "a", 15);
    let first = register(&t.db, wanted.clone()).await;
    assert!(first.is_changed);
    let stored = instances::find(&read(&t.db).await, &wanted.key)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored, first.instance);
    let lease = stored.lease_expires_at - stored.registered_at;
    assert_eq!(lease.num_seconds(), 15);
    let second = register(&t.db, wanted.clone()).await;
    assert!(!second.is_changed);
    assert_eq!(second.instance.registered_at, stored.registered_at);
    assert!(second.instance.lease_expires_at >= stored.lease_expires_at);
    let all = instances::all(&read(&t.db).await).await.unwrap();
    assert_eq!(all.len(), 1);
    let tx = t.db.system("test").await.unwrap();
    assert!(instances::remove(&tx, &wanted.key).await.unwrap());
    assert!(!instances::remove(&tx, &wanted.key).await.unwrap());
}

async fn a_changed_registration_forgets_what_the_check_said_only_if_it_is_reached_otherwise(
    t: Fixture,
) {
    let wanted = instance("orders", "a", 15);
    let first = register(&t.db, wanted.clone()).await.instance;
    let tx = t.db.system("test").await.unwrap();
    assert!(instances::set_check(&tx, &first, true).await.unwrap());
    assert!(!instances::set_check(&tx, &first, true).await.unwrap());
    tx.commit().await.unwrap();
    let heavier = InstanceRecord {
        weight: 200,
        ..wanted.clone()
    };
    let second = register(&t.db, heavier).await;
    assert!(second.is_changed);
    assert_eq!(second.instance.check_passing, Some(true));
    let elsewhere = InstanceRecord {
        port: 9001,
        ..wanted
    };
    let third = register(&t.db, elsewhere).await.instance;
    assert_eq!(third.check_passing, None);
    // A verdict on the old address comes too late.
    let tx = t.db.system("test").await.unwrap();
    assert!(!instances::set_check(&tx, &first, false).await.unwrap());
}

/// A lease ends at once on PostgreSQL, whose clock no test moves: it is given no seconds.
async fn expired(t: &Fixture, service: &str, id: &str) -> InstanceKey {
    let seconds = match t.db.kind() {
        DatabaseKind::Sqlite => 5,
        DatabaseKind::Postgres => 0,
    };
    let key = register(&t.db, instance(service, id, seconds))
        .await
        .instance
        .key;
    t.clock.advance(chrono::Duration::seconds(6));
    key
}

async fn a_lease_ends_unless_it_is_renewed(t: Fixture) {
    let gone = expired(&t, "orders", "gone").await;
    let kept = register(&t.db, instance("orders", "kept", 60))
        .await
        .instance;
    let unknown = instance("orders", "unknown", 5).key;
    t.clock.advance(chrono::Duration::seconds(30));
    let tx = t.db.system("test").await.unwrap();
    let renewed = instances::renew(&tx, &[kept.key.clone(), unknown])
        .await
        .unwrap();
    assert_eq!(renewed, std::slice::from_ref(&kept.key));
    assert_eq!(
        instances::services_with_expired(&tx, 3600).await.unwrap(),
        [name("orders")]
    );
    assert_eq!(instances::expire(&tx, 3600).await.unwrap(), [gone]);
    let none = instances::services_with_expired(&tx, 3600).await.unwrap();
    assert!(none.is_empty());
    tx.commit().await.unwrap();
    let left = instances::all(&read(&t.db).await).await.unwrap();
    assert_eq!(left.len(), 1);
    assert!(left[0].lease_expires_at > kept.lease_expires_at);
    let length = left[0].lease_expires_at - t.clock.now();
    assert!((59..=60).contains(&length.num_seconds()), "{length}");
}

async fn nothing_expires_until_one_lease_after_the_service_was_resumed(t: Fixture) {
    register(&t.db, instance("orders", "a", 5)).await;
    if t.db.kind() == DatabaseKind::Postgres {
        t.sql("UPDATE instances SET lease_expires_at = now() - interval '1 minute'")
            .await;
    }
    t.clock.advance(chrono::Duration::seconds(60));
    let tx = t.db.system("test").await.unwrap();
    assert!(instances::expire(&tx, 4).await.unwrap().is_empty());
    assert_eq!(instances::expire(&tx, 5).await.unwrap().len(), 1);
}

async fn a_draining_instance_keeps_its_lease_without_heartbeats(t: Fixture) {
    let key = register(&t.db, instance("orders", "a", 5))
        .await
        .instance
        .key;
    let tx = t.db.system("test").await.unwrap();
    let keep = Duration::from_secs(30);
    assert!(instances::drain(&tx, &key, keep).await.unwrap());
    assert!(!instances::drain(&tx, &key, Duration::ZERO).await.unwrap());
    let drained = instances::find(&tx, &key).await.unwrap().unwrap();
    assert_eq!(drained.state, InstanceState::Draining);
    let left = drained.lease_expires_at - tx.database_time().await.unwrap();
    assert!((28..=30).contains(&left.num_seconds()), "{left}");
    let unknown = instance("orders", "b", 5).key;
    assert!(!instances::drain(&tx, &unknown, keep).await.unwrap());
}

async fn a_drain_is_undone_once_and_the_lease_is_the_usual_one(t: Fixture) {
    let before = register(&t.db, instance("orders", "a", 15)).await.instance;
    let tx = t.db.system("test").await.unwrap();
    assert!(instances::set_check(&tx, &before, true).await.unwrap());
    let key = &before.key;
    assert!(!instances::undrain(&tx, key).await.unwrap());
    let keep = Duration::from_mins(10);
    assert!(instances::drain(&tx, key, keep).await.unwrap());
    assert!(instances::undrain(&tx, key).await.unwrap());
    assert!(!instances::undrain(&tx, key).await.unwrap());
    let after = instances::find(&tx, key).await.unwrap().unwrap();
    assert_eq!(
        (after.state, after.check_passing),
        (InstanceState::Up, Some(true))
    );
    let left = after.lease_expires_at - tx.database_time().await.unwrap();
    assert!((13..=15).contains(&left.num_seconds()), "{left}");
    let unknown = instance("orders", "b", 5).key;
    assert!(!instances::undrain(&tx, &unknown).await.unwrap());
}

async fn registering_again_ends_a_drain_and_renewing_does_not(t: Fixture) {
    let wanted = instance("orders", "a", 15);
    register(&t.db, wanted.clone()).await;
    let tx = t.db.system("test").await.unwrap();
    let drained = instances::drain(&tx, &wanted.key, Duration::ZERO).await;
    assert!(drained.unwrap());
    let keys = std::slice::from_ref(&wanted.key);
    assert_eq!(instances::renew(&tx, keys).await.unwrap().len(), 1);
    let renewed = instances::find(&tx, &wanted.key).await.unwrap().unwrap();
    assert_eq!(renewed.state, InstanceState::Draining);
    tx.commit().await.unwrap();
    let again = register(&t.db, wanted).await;
    assert!(again.is_changed);
    assert_eq!(again.instance.state, InstanceState::Up);
}

async fn renewing_and_expiring_at_once_never_deadlocks(t: Fixture) {
    let mut keys = Vec::new();
    for number in 0..40 {
        let id = format!("i{number}");
        keys.push(
            register(&t.db, instance("orders", &id, 60))
                .await
                .instance
                .key,
        );
    }
    let mut replicas = tokio::task::JoinSet::new();
    for replica in 0..4 {
        let db = t.again().await;
        let mut keys = keys.clone();
        if replica % 2 == 1 {
            keys.reverse();
        }
        replicas.spawn(async move {
            for _ in 0..10 {
                let tx = db.system("test").await.unwrap();
                assert_eq!(instances::renew(&tx, &keys).await.unwrap().len(), 40);
                assert!(instances::expire(&tx, 3600).await.unwrap().is_empty());
                tx.commit().await.unwrap();
            }
        });
    }
    replicas.join_all().await;
}

async fn a_service_changes_only_for_the_version_it_was_read_in(t: Fixture) {
    register(&t.db, instance("orders", "a", 15)).await;
    let tx = t.db.system("test").await.unwrap();
    let orders = name("orders");
    let Guarded::Done(changed) = services::set_active(&tx, &orders, false, Some(1))
        .await
        .unwrap()
    else {
        unreachable!("version 1 is the first")
    };
    assert_eq!((changed.is_active, changed.version), (false, 2));
    let outcome = services::set_active(&tx, &orders, true, Some(1))
        .await
        .unwrap();
    assert_eq!(outcome, Guarded::Stale(changed));
    let outcome = services::set_active(&tx, &name("billing"), true, None)
        .await
        .unwrap();
    assert_eq!(outcome, Guarded::Missing);
    let hints = serde_json::json!({"public_paths": ["/docs"]});
    services::declare(&tx, &orders, &hints).await.unwrap();
    assert_eq!(services::all(&tx).await.unwrap()[0].gateway, hints);
    // A registration does not put it back.
    services::ensure(&tx, &orders).await.unwrap();
    assert!(!services::all(&tx).await.unwrap()[0].is_active);
}

async fn a_service_is_forgotten_when_nothing_holds_it(t: Fixture) {
    let held = register(&t.db, instance("held", "a", 15))
        .await
        .instance
        .key;
    let tx = t.db.system("test").await.unwrap();
    for service in ["routed", "idle", "out"] {
        services::ensure(&tx, &name(service)).await.unwrap();
    }
    services::set_active(&tx, &name("out"), false, None)
        .await
        .unwrap();
    routes::add(&tx, &route(RouteId::from(Uuid::from_u128(7)), "routed"))
        .await
        .unwrap();
    let age = Duration::from_hours(24);
    assert!(services::forget_idle(&tx, age).await.unwrap().is_empty());
    let at_once = Duration::ZERO;
    t.clock.advance(chrono::Duration::seconds(1));
    assert_eq!(
        services::forget_idle(&tx, at_once).await.unwrap(),
        [name("idle")]
    );
    instances::remove(&tx, &held).await.unwrap();
    services::touch(&tx, &[name("held")]).await.unwrap();
    assert!(services::forget_idle(&tx, age).await.unwrap().is_empty());
}

fn route(id: RouteId, service: &str) -> RouteRecord {
    RouteRecord {
        id,
        name: Some("shop".to_owned()),
        hosts: vec!["shop.example.com".to_owned()],
        path: "/shop".to_owned(),
        methods: vec!["GET".to_owned()],
        service: name(service),
        strip_path: true,
        access: "public".to_owned(),
        required_permission: None,
        strict: false,
        forward_token: false,
        is_enabled: true,
        version: 1,
        created_at: chrono::DateTime::UNIX_EPOCH,
        updated_at: chrono::DateTime::UNIX_EPOCH,
    }
}

async fn a_route_lives_and_its_version_guards_it(t: Fixture) {
    let id = RouteId::generate(&t.clock, t.db.random());
    let wanted = route(id, "orders");
    let tx = t.db.system("test").await.unwrap();
    routes::add(&tx, &wanted).await.unwrap();
    assert_eq!(
        routes::all(&tx).await.unwrap(),
        std::slice::from_ref(&wanted)
    );
    let disabled = RouteRecord {
        is_enabled: false,
        ..wanted
    };
    let Guarded::Done(stored) = routes::replace(&tx, &disabled).await.unwrap() else {
        unreachable!("version 1 is there")
    };
    assert_eq!((stored.version, stored.is_enabled), (2, false));
    assert_eq!(stored.created_at, chrono::DateTime::UNIX_EPOCH);
    assert!(stored.updated_at > stored.created_at);
    let outcome = routes::replace(&tx, &disabled).await.unwrap();
    assert_eq!(outcome, Guarded::Stale(stored.clone()));
    let outcome = routes::remove(&tx, id, Some(1)).await.unwrap();
    assert_eq!(outcome, Guarded::Stale(stored.clone()));
    let outcome = routes::remove(&tx, id, Some(2)).await.unwrap();
    assert_eq!(outcome, Guarded::Done(stored));
    assert_eq!(
        routes::remove(&tx, id, None).await.unwrap(),
        Guarded::Missing
    );
}

async fn a_gateway_is_live_then_lost_then_forgotten(t: Fixture) {
    let (live, lost) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let seen = ChangePosition {
        epoch: 9,
        number: 41,
    };
    let nothing = gateways::Report::default();
    let told = gateways::Report {
        seen: Some(seen),
        in_flight: BTreeMap::from([("orders/a".to_owned(), 3)]),
        demand: BTreeMap::from([("tenant:1".to_owned(), 40)]),
        address: Some("http://10.0.0.5:8000".to_owned()),
    };
    let tx = t.db.system("test").await.unwrap();
    let lease = Duration::from_secs(6);
    gateways::report(&tx, lost, &nothing, Duration::ZERO)
        .await
        .unwrap();
    gateways::report(&tx, live, &nothing, lease).await.unwrap();
    gateways::report(&tx, live, &told, lease).await.unwrap();
    let mut found = gateways::all(&tx, Duration::from_mins(10)).await.unwrap();
    found.sort_by_key(|gateway| gateway.id);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].report, told);
    assert_eq!(found[0].state, GatewayState::Live);
    assert_eq!((found[1].id, found[1].state), (lost, GatewayState::Lost));
    assert_eq!(gateways::all(&tx, Duration::ZERO).await.unwrap().len(), 1);
    gateways::forget(&tx, Duration::from_hours(1))
        .await
        .unwrap();
    assert_eq!(
        gateways::all(&tx, Duration::from_mins(10))
            .await
            .unwrap()
            .len(),
        2
    );
    gateways::leave(&tx, live).await.unwrap();
    assert_eq!(
        gateways::all(&tx, Duration::from_mins(10))
            .await
            .unwrap()
            .len(),
        1
    );
}
