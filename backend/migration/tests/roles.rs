//! The two roles, which belong to the whole cluster.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use saas_migration::MigrationError;
use saas_testkit::servers::PostgresServer;
use sea_orm_migration::sea_orm::{ConnectionTrait as _, Database};

/// A cluster that nobody has migrated anything in.
async fn fresh_cluster() -> PostgresServer {
    let server = tokio::task::spawn_blocking(PostgresServer::start).await;
    server.unwrap().unwrap()
}

async fn run(url: &str, statements: &[&str]) {
    let connection = Database::connect(url).await.unwrap();
    for statement in statements {
        connection.execute_unprepared(statement).await.unwrap();
    }
    connection.close().await.unwrap();
}

/// The URL of another database, and another login if one is given.
fn at(server: &PostgresServer, database: &str, login: Option<&str>) -> String {
    let (before, _) = server.url().rsplit_once('/').unwrap();
    let Some(login) = login else {
        return format!("{before}/{database}");
    };
    let (_, host) = before.rsplit_once('@').unwrap();
    format!("postgresql://{login}:secret@{host}/{database}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_databases_of_a_new_cluster_may_be_migrated_at_once() {
    let server = fresh_cluster().await;
    let names: Vec<_> = (0..6).map(|number| format!("tenants{number}")).collect();
    for name in &names {
        run(server.url(), &[&format!("CREATE DATABASE {name}")]).await;
    }
    let mut runs = tokio::task::JoinSet::new();
    for name in &names {
        let url = at(&server, name, None);
        runs.spawn(async move { saas_migration::up(&url).await });
    }
    for applied in runs.join_all().await {
        assert!(!applied.unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_without_superpowers_is_enough() {
    let server = fresh_cluster().await;
    run(
        server.url(),
        &[
            "CREATE ROLE app LOGIN CREATEROLE PASSWORD 'secret'",
            "CREATE DATABASE app OWNER app",
        ],
    )
    .await;
    let url = at(&server, "app", Some("app"));
    assert!(!saas_migration::up(&url).await.unwrap().is_empty());
    assert!(saas_migration::up(&url).await.unwrap().is_empty());
    run(&url, &["SET ROLE saas_tenant", "SET ROLE saas_system"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_may_not_make_the_roles_is_told_who_can() {
    let server = fresh_cluster().await;
    run(
        server.url(),
        &[
            "CREATE ROLE app LOGIN PASSWORD 'secret'",
            "CREATE DATABASE app OWNER app",
        ],
    )
    .await;
    let url = at(&server, "app", Some("app"));
    let error = saas_migration::up(&url).await.unwrap_err();
    assert!(matches!(error, MigrationError::Roles { .. }), "{error}");
    let told = error.to_string();
    assert!(told.contains("GRANT saas_tenant, saas_system TO app; (PostgreSQL: permission denied"));
    assert!(!told.contains("returned from database"), "{told}");
    // What it asks for is enough.
    run(
        server.url(),
        &[
            "CREATE ROLE saas_tenant",
            "CREATE ROLE saas_system",
            "GRANT saas_tenant, saas_system TO app",
        ],
    )
    .await;
    assert!(!saas_migration::up(&url).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_roles_are_there_the_grant_is_asked_for() {
    let server = fresh_cluster().await;
    run(
        server.url(),
        &[
            "CREATE ROLE saas_tenant",
            "CREATE ROLE saas_system",
            "CREATE ROLE app LOGIN PASSWORD 'secret'",
            "CREATE DATABASE app OWNER app",
        ],
    )
    .await;
    let url = at(&server, "app", Some("app"));
    let told = saas_migration::up(&url).await.unwrap_err().to_string();
    let grant = "GRANT saas_tenant, saas_system TO app";
    let asked = format!("let a superuser run: {grant};");
    assert!(told.contains(&asked), "{told}");
    run(server.url(), &[grant]).await;
    saas_migration::up(&url).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_that_see_too_much_are_refused() {
    let server = fresh_cluster().await;
    let statements = ["CREATE ROLE saas_tenant BYPASSRLS", "CREATE DATABASE app"];
    run(server.url(), &statements).await;
    let error = saas_migration::up(&at(&server, "app", None))
        .await
        .unwrap_err();
    let told = error.to_string();
    let alter =
        "run: ALTER ROLE saas_tenant NOLOGIN NOSUPERUSER NOBYPASSRLS; CREATE ROLE saas_system;";
    assert!(told.contains(alter), "{told}");
}
