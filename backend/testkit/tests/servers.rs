//! The test servers themselves: databases of one's own, and servers that can be taken away.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use saas_testkit::TestDatabase;
use saas_testkit::servers::{PostgresServer, RedisServer, ServersError, shared};

/// Stands for the platform's migration: something that takes a connection and makes a table.
async fn migrate(url: String) -> Result<(), io::Error> {
    let made = tokio::process::Command::new("psql")
        .args(["-q", "-c", "CREATE TABLE things (name text)", &url])
        .status()
        .await?;
    if made.success() {
        Ok(())
    } else {
        Err(io::Error::other("psql failed"))
    }
}

#[tokio::test]
async fn each_test_has_a_migrated_database_of_its_own() {
    let one = TestDatabase::create_from("things", migrate).await.unwrap();
    let other = TestDatabase::create_from("things", migrate).await.unwrap();
    one.sql("INSERT INTO things VALUES ('mine')").await.unwrap();
    assert_eq!(one.sql("SELECT name FROM things").await.unwrap(), "mine");
    assert_eq!(other.sql("SELECT name FROM things").await.unwrap(), "");
}

#[tokio::test]
async fn a_database_is_dropped_with_its_value() {
    let observer = TestDatabase::empty().await.unwrap();
    let dropped = TestDatabase::create_from("things", migrate).await.unwrap();
    let question = format!(
        "SELECT count(*) FROM pg_database WHERE datname = '{}'",
        dropped.name()
    );
    assert_eq!(observer.sql(&question).await.unwrap(), "1");
    drop(dropped);
    assert_eq!(observer.sql(&question).await.unwrap(), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_migrate_once() {
    let migrations = Arc::new(AtomicUsize::new(0));
    let all: Vec<_> = (0..8)
        .map(|_| {
            let migrations = Arc::clone(&migrations);
            tokio::spawn(TestDatabase::create_from("things", move |url| async move {
                migrations.fetch_add(1, Ordering::Relaxed);
                migrate(url).await
            }))
        })
        .collect();
    for database in all {
        let database = database.await.unwrap().unwrap();
        assert_eq!(
            database.sql("SELECT count(*) FROM things").await.unwrap(),
            "0"
        );
    }
    // None if another test process was first.
    assert!(migrations.load(Ordering::Relaxed) <= 1);
}

#[tokio::test]
async fn a_bad_statement_gives_the_servers_own_words() {
    let database = TestDatabase::empty().await.unwrap();
    let error = database
        .sql("SELECT nothing FROM nowhere")
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        ServersError::Program {
            program: "psql",
            ..
        }
    ));
    assert!(error.to_string().contains("nowhere"), "{error}");
}

#[test]
fn redis_databases_differ() {
    let servers = shared().unwrap();
    let one = servers.fresh_redis_url().unwrap();
    let other = servers.fresh_redis_url().unwrap();
    assert_ne!(one, other);
    assert_ne!(one, servers.redis_url());
}

#[test]
fn a_server_can_be_taken_away_and_given_back() {
    let mut redis = RedisServer::start().unwrap();
    let host = redis
        .url()
        .rsplit_once('@')
        .unwrap()
        .1
        .trim_end_matches("/0")
        .to_owned();
    redis.stop().unwrap();
    TcpStream::connect(&host).unwrap_err();
    redis.start_again().unwrap();
    TcpStream::connect(&host).unwrap();
    redis.freeze().unwrap();
    redis.thaw().unwrap();
    drop(redis);
    TcpStream::connect(&host).unwrap_err();
}

#[test]
fn a_database_server_keeps_its_data_over_a_crash() {
    let mut postgres = PostgresServer::start().unwrap();
    let query = |url: &str, sql: &str| {
        let output = std::process::Command::new("psql")
            .args(["-XAtqc", sql, url])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    query(postgres.url(), "CREATE TABLE kept AS SELECT 7 AS number");
    // Without fsync and synchronous commit, what is to survive a crash has to be flushed.
    query(postgres.url(), "CHECKPOINT");
    postgres.stop().unwrap();
    assert_eq!(query(postgres.url(), "SELECT number FROM kept"), "");
    postgres.start_again().unwrap();
    assert_eq!(query(postgres.url(), "SELECT number FROM kept"), "7\n");
}
