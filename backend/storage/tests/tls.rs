//! PostgreSQL by TLS.

#![cfg(test)]

mod support;

use std::path::Path;

use saas_domain::Random;
use saas_storage::{Database, DatabaseSettings};
use saas_testkit::{TestAuthority, servers::PostgresServer};
use support::{Directory, noon};

fn settings(url: String) -> DatabaseSettings {
    DatabaseSettings {
        url,
        min_connections: 0,
        max_connections: 2,
    }
}

fn with(server: &PostgresServer, mode: &str, authority: &Path) -> String {
    let file = authority.display();
    format!("{}?sslmode={mode}&sslrootcert={file}", server.url())
}

#[tokio::test]
async fn postgres_is_reached_by_tls_and_only_whom_the_authority_certified() {
    let directory = Directory::new();
    let [right, wrong] = ["right", "wrong"].map(|name| {
        let authority = TestAuthority::new(name).unwrap();
        let file = directory.0.join(format!("{name}-ca.pem"));
        std::fs::write(&file, authority.pem()).unwrap();
        (authority, file)
    });
    let certificate = right.0.issue(&["127.0.0.1"]).unwrap();
    let server =
        tokio::task::spawn_blocking(move || PostgresServer::start_with_tls(&certificate).unwrap());
    let server = server.await.unwrap();

    for mode in ["require", "verify-ca", "verify-full"] {
        let url = with(&server, mode, &right.1);
        saas_migration::up(&url).await.unwrap();
        let db = Database::open(settings(url), noon(), Random::os()).await;
        assert!(db.is_ok(), "{mode}");
        // The listener for changes has a connection of its own.
        drop(db);
    }
    let url = with(&server, "verify-full", &wrong.1);
    let error = saas_migration::up(&url).await.unwrap_err();
    let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| {
        error.source()
    });
    let told: Vec<String> = causes.map(ToString::to_string).collect();
    let told = told.join(": ");
    assert!(told.contains("UnknownIssuer"), "{told}");
    // Certified for its address, not for this name.
    let url = with(&server, "verify-full", &right.1).replace("127.0.0.1", "localhost");
    assert!(saas_migration::up(&url).await.is_err());
    // Without TLS on the other side, nothing is sent in the clear.
    let plain = tokio::task::spawn_blocking(|| PostgresServer::start().unwrap());
    let plain = plain.await.unwrap();
    let url = with(&plain, "require", &right.1);
    assert!(saas_migration::up(&url).await.is_err());
}
