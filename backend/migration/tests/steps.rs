//! Each migration by itself, with rows in every table: there, back, and there again. And what the
//! version before knows of the schema holds after it, so that both can run on one database.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};

use saas_migration::TABLES;
use saas_testkit::TestDatabase;
use sea_orm_migration::sea_orm::{
    ConnectionTrait as _, Database, DatabaseConnection, DbBackend, Statement,
};

/// Everything in a schema, a line for each thing.
const POSTGRES: &str = "\
SELECT concat_ws(' ', 'column', table_name, column_name, data_type, is_nullable, column_default) \
  FROM information_schema.columns WHERE table_schema = 'public' UNION ALL \
SELECT concat_ws(' ', 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid)) \
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace UNION ALL \
SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public' UNION ALL \
SELECT concat_ws(' ', 'policy', tablename, policyname, cmd, roles::text, qual, with_check) \
  FROM pg_policies UNION ALL \
SELECT concat_ws(' ', 'rights', relname, relkind, relrowsecurity, relforcerowsecurity, relacl::text) \
  FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind <> 'i' UNION ALL \
SELECT concat_ws(' ', 'function', proname, prosrc) \
  FROM pg_proc WHERE pronamespace = 'public'::regnamespace UNION ALL \
SELECT 'trigger ' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal";
const SQLITE: &str = "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_schema";

/// Two rows of each table: one stays, one is written by the version before.
const KEPT: u8 = 1;
const FOREIGN: u8 = 2;

type Columns = Vec<(String, String)>;

/// A schema, and the rows of the version that knows no more than it.
struct Picture {
    schema: BTreeSet<String>,
    tables: BTreeMap<usize, (String, Columns)>,
}

struct Looked<'a> {
    url: &'a str,
    connection: DatabaseConnection,
}

impl Looked<'_> {
    async fn ask(&self, sql: &str) -> Vec<(String, String)> {
        let backend = self.connection.get_database_backend();
        let statement = Statement::from_string(backend, sql);
        let rows = self.connection.query_all_raw(statement).await.unwrap();
        let second = |row: &sea_orm_migration::sea_orm::QueryResult| {
            row.try_get_by_index(1).unwrap_or_default()
        };
        rows.iter()
            .map(|row| (row.try_get_by_index(0).unwrap(), second(row)))
            .collect()
    }

    fn is_postgres(&self) -> bool {
        self.connection.get_database_backend() == DbBackend::Postgres
    }

    async fn picture(&self) -> Picture {
        let lines = self.ask(if self.is_postgres() { POSTGRES } else { SQLITE });
        let ours = |name: &str| !name.contains("seaql_migrations") && !name.contains("sqlite_");
        let schema = lines.await.into_iter().map(|(line, _)| line);
        let schema = schema.filter(|line| ours(line)).collect();
        let names = if self.is_postgres() {
            "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'"
        } else {
            "SELECT name FROM sqlite_schema WHERE type = 'table'"
        };
        let mut tables = BTreeMap::new();
        for (table, _) in self.ask(names).await {
            if !ours(&table) {
                continue;
            }
            let columns = if self.is_postgres() {
                format!(
                    "SELECT column_name::text, data_type::text FROM information_schema.columns \
                     WHERE table_schema = 'public' AND table_name = '{table}' ORDER BY ordinal_position"
                )
            } else {
                format!("SELECT name, lower(type) FROM pragma_table_info('{table}')")
            };
            let place = TABLES.iter().position(|(name, _)| *name == table).unwrap();
            let columns = self.ask(&columns).await;
            tables.insert(place, (table, columns));
        }
        Picture { schema, tables }
    }

    async fn run(&self, sql: &str) {
        let done = self.connection.execute_unprepared(sql).await;
        assert!(done.is_ok(), "{sql}: {done:?}");
    }

    /// Writes a row into each table with these columns alone.
    async fn write(&self, picture: &Picture, row: u8) {
        for (table, columns) in picture.tables.values() {
            let names: Vec<_> = columns.iter().map(|(name, _)| quoted(name)).collect();
            let values: Vec<_> = columns.iter().map(|(_, kind)| value(kind, row)).collect();
            let (names, values) = (names.join(", "), values.join(", "));
            self.run(&format!("INSERT INTO {table} ({names}) VALUES ({values})"))
                .await;
        }
    }

    async fn remove(&self, picture: &Picture, row: u8) {
        for (table, columns) in picture.tables.values().rev() {
            let (name, kind) = columns.first().unwrap();
            let (name, value) = (quoted(name), value(kind, row));
            self.run(&format!("DELETE FROM {table} WHERE {name} = {value}"))
                .await;
        }
    }

    /// What is in these columns.
    async fn rows(&self, picture: &Picture) -> Vec<(String, Vec<(String, String)>)> {
        let mut found = Vec::new();
        for (table, columns) in picture.tables.values() {
            let parts = columns
                .iter()
                .map(|(name, _)| format!("coalesce(CAST({} AS text), 'nothing')", quoted(name)));
            let parts: Vec<_> = parts.collect();
            let sql = format!(
                "SELECT {} FROM {table} ORDER BY 1",
                parts.join(" || ' ' || ")
            );
            found.push((table.clone(), self.ask(&sql).await));
        }
        found
    }

    async fn up(&self, name: &str) {
        let applied = saas_migration::up_steps(self.url, Some(1)).await.unwrap();
        assert_eq!(applied, [name]);
    }
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

/// The same for all columns of a type, so that whatever a row refers to is there.
fn value(kind: &str, row: u8) -> String {
    match kind {
        "uuid" | "uuid_text" => format!("'00000000-0000-4000-8000-00000000000{row}'"),
        "text" | "varchar" | "character varying" => format!("'{row}'"),
        "bigint" | "integer" | "smallint" | "double precision" | "double" => row.to_string(),
        "boolean" => "true".to_owned(),
        "timestamp with time zone" | "timestamp_with_timezone_text" => {
            format!("'2026-01-0{row} 00:00:00+00:00'")
        }
        "json" | "jsonb" | "json_text" | "jsonb_text" => "'{}'".to_owned(),
        "bytea" => format!("'\\x0{row}'"),
        "blob" => format!("x'0{row}'"),
        other => panic!("a column of type {other}: say here what a row has in it"),
    }
}

/// What came with a migration, filled: new tables, and new columns of the row that was there.
async fn fill_what_is_new(database: &Looked<'_>, before: &Picture, after: &Picture) {
    for (place, (table, columns)) in &after.tables {
        let Some((_, old)) = before.tables.get(place) else {
            let tables = [(*place, (table.clone(), columns.clone()))].into();
            let schema = BTreeSet::new();
            database.write(&Picture { schema, tables }, KEPT).await;
            continue;
        };
        for (name, kind) in columns.iter().filter(|column| !old.contains(column)) {
            let (name, value) = (quoted(name), value(kind, KEPT));
            database
                .run(&format!("UPDATE {table} SET {name} = {value}"))
                .await;
        }
    }
}

async fn each_goes_there_and_back_and_there_again(url: &str) {
    saas_migration::up_steps(url, Some(0)).await.unwrap();
    let connection = Database::connect(url).await.unwrap();
    let database = Looked { url, connection };
    for name in saas_migration::known() {
        let before = database.picture().await;
        let rows = database.rows(&before).await;
        database.up(&name).await;
        let after = database.picture().await;
        assert_ne!(before.schema, after.schema, "{name} changes nothing");

        // The version before goes on: what it knows is there, and it can write without the rest.
        database.write(&before, FOREIGN).await;
        database.remove(&before, FOREIGN).await;
        assert_eq!(database.rows(&before).await, rows, "{name}");

        fill_what_is_new(&database, &before, &after).await;
        let taken_back = saas_migration::down(url, 1).await.unwrap();
        assert_eq!(taken_back, std::slice::from_ref(&name));
        let back = database.picture().await;
        assert_eq!(back.schema, before.schema, "{name}, taken back");
        assert_eq!(database.rows(&before).await, rows, "{name}, taken back");

        database.up(&name).await;
        let again = database.picture().await;
        assert_eq!(again.schema, after.schema, "{name}, once more");
        assert_eq!(database.rows(&before).await, rows, "{name}, once more");
        fill_what_is_new(&database, &before, &after).await;
    }
    let rows = database.rows(&database.picture().await).await;
    assert_eq!(rows.len(), TABLES.len());
    assert!(rows.iter().all(|(_, rows)| rows.len() == 1), "{rows:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_migration_of_sqlite_goes_there_and_back_and_there_again() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/saas.db", directory.path().display());
    Box::pin(each_goes_there_and_back_and_there_again(&url)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_migration_of_postgres_goes_there_and_back_and_there_again() {
    let database = TestDatabase::empty().await.unwrap();
    Box::pin(each_goes_there_and_back_and_there_again(database.url())).await;
}
