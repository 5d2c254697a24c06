//! The schema's history goes both ways, on both databases.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use saas_domain::Random;
use saas_testkit::TestDatabase;
use sea_orm_migration::sea_orm::{ConnectionTrait as _, Database};

async fn there_and_back_again(url: &str) {
    let pending = saas_migration::status(url).await;
    let applied = saas_migration::up(url).await.unwrap();
    assert!(applied.len() >= 2, "{applied:?}");
    if let Ok(pending) = pending {
        assert!(pending.iter().all(|migration| !migration.is_applied));
    }
    let status = saas_migration::status(url).await.unwrap();
    assert!(status.iter().all(|migration| migration.is_applied));
    assert!(saas_migration::up(url).await.unwrap().is_empty());

    let newest_first: Vec<String> = applied.iter().rev().cloned().collect();
    let steps = u32::try_from(applied.len()).unwrap();
    assert_eq!(
        saas_migration::down(url, steps).await.unwrap(),
        newest_first
    );
    let status = saas_migration::status(url).await.unwrap();
    assert!(status.iter().all(|migration| !migration.is_applied));
    assert_eq!(saas_migration::up(url).await.unwrap(), applied);
}

/// The way back after an update is the version before, over the schema of the later one.
async fn a_later_schema_is_left_as_it_is(url: &str) {
    saas_migration::up(url).await.unwrap();
    let connection = Database::connect(url).await.unwrap();
    let later = "INSERT INTO seaql_migrations VALUES ('m9999_of_a_later_version', 0)";
    connection.execute_unprepared(later).await.unwrap();
    connection.close().await.unwrap();
    assert!(saas_migration::up(url).await.unwrap().is_empty());
    // Whoever asks is still told.
    saas_migration::status(url).await.unwrap_err();
}

async fn several_at_once_take_turns(url: &str) {
    let (a, b, c) = tokio::join!(
        saas_migration::up(url),
        saas_migration::up(url),
        saas_migration::up(url),
    );
    let counts = [a, b, c].map(|applied| applied.unwrap().len());
    assert_eq!(
        counts.iter().filter(|count| **count > 0).count(),
        1,
        "{counts:?}"
    );
}

/// A SQLite file of a test's own, removed afterwards.
struct File(std::path::PathBuf);

impl File {
    fn new() -> Self {
        let name: [u8; 8] = Random::os().bytes();
        let name = format!("saas-history-{:x}", u64::from_le_bytes(name));
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).unwrap();
        Self(directory)
    }

    fn url(&self) -> String {
        format!("sqlite://{}/saas.db", self.0.display())
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_goes_there_and_back_again() {
    there_and_back_again(&File::new().url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_goes_there_and_back_again() {
    let database = TestDatabase::empty().await.unwrap();
    there_and_back_again(database.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_of_a_later_version_is_left_as_it_is() {
    a_later_schema_is_left_as_it_is(&File::new().url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_of_a_later_version_is_left_as_it_is() {
    let database = TestDatabase::empty().await.unwrap();
    a_later_schema_is_left_as_it_is(database.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_migrate_sqlite_at_once_take_turns() {
    Box::pin(several_at_once_take_turns(&File::new().url())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_migrate_postgres_at_once_take_turns() {
    let database = TestDatabase::empty().await.unwrap();
    Box::pin(several_at_once_take_turns(database.url())).await;
}
