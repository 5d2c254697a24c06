//! Every table says to whom its rows belong.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use saas_migration::{Belongs, TABLES, belongs};
use saas_testkit::TestDatabase;
use sqlx::{Connection as _, PgConnection};

const ALL: &str = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'";
const COLUMNS: &str = "SELECT column_name::text FROM information_schema.columns \
    WHERE table_schema = 'public' AND table_name = $1";
/// What a tenant's role may see; persons by way of their memberships.
const OF_TENANTS: &str = "SELECT tablename::text FROM pg_policies WHERE policyname LIKE '%_own'";
const REFERENCES: &str = "SELECT conrelid::regclass::text, confrelid::regclass::text \
    FROM pg_constraint WHERE contype = 'f'";

#[tokio::test]
async fn every_table_says_to_whom_its_rows_belong() {
    let database = TestDatabase::empty().await.unwrap();
    saas_migration::up(database.url()).await.unwrap();
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    let there: Vec<String> = sqlx::query_scalar(ALL)
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let there: BTreeSet<_> = there
        .into_iter()
        .filter(|name| name != "seaql_migrations")
        .collect();
    let named: BTreeSet<_> = TABLES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(there, named);
    for (table, belongs) in TABLES {
        let (Belongs::Tenant(column) | Belongs::TenantRecord(column)) = belongs else {
            continue;
        };
        let columns: Vec<String> = sqlx::query_scalar(COLUMNS)
            .bind(table)
            .fetch_all(&mut connection)
            .await
            .unwrap();
        assert!(
            columns.iter().any(|name| name == column),
            "{table} has no {column}"
        );
    }
    // What a tenant may see belongs to it, or is of those kinds that are not brought back.
    let seen: Vec<String> = sqlx::query_scalar(OF_TENANTS)
        .fetch_all(&mut connection)
        .await
        .unwrap();
    for table in seen {
        assert_ne!(belongs(&table), Some(Belongs::Platform), "{table}");
    }
    // Rows can be written in this order.
    let references: Vec<(String, String)> = sqlx::query_as(REFERENCES)
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let place = |name: &str| TABLES.iter().position(|(table, _)| *table == name).unwrap();
    for (from, to) in references {
        assert!(place(&to) < place(&from), "{to} has to come before {from}");
    }
}
