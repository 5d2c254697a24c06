//! Rows of any table, as they are.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use saas_domain::{Random, TenantId};
use saas_migration::TABLES;
use saas_storage::rows::{self, Cell, CellKind, Row, Whose};
use support::Fixture;

async fn fixtures() -> [Fixture; 2] {
    [Fixture::sqlite().await, Fixture::postgres().await]
}

/// A new column of a kind that cannot be carried would be lost on the way to another database.
#[tokio::test]
async fn every_table_is_the_same_on_both_databases() {
    let [sqlite, postgres] = fixtures().await;
    let there = sqlite.db.system_read("test").await.unwrap();
    let here = postgres.db.system_read("test").await.unwrap();
    for (name, _) in TABLES {
        let table = rows::table(&there, name).await.unwrap();
        assert_eq!(table, rows::table(&here, name).await.unwrap());
        assert!(table.key().next().is_some(), "{name} has no primary key");
    }
}

fn tenant_row(table: &rows::Table, id: TenantId, slug: &str) -> Row {
    let cell = |column: &rows::Column| match (column.name.as_str(), column.kind) {
        ("id", _) => Cell::Id(id.as_uuid()),
        ("slug", _) => Cell::Text(slug.to_owned()),
        (_, CellKind::Number) => Cell::Number(1),
        (_, CellKind::Moment) => Cell::Moment(support::noon().now()),
        _ => Cell::Text("active".to_owned()),
    };
    table.columns.iter().map(cell).collect()
}

/// More than one page, and each row once.
#[tokio::test]
async fn what_was_written_is_read_whole_and_by_whom_it_belongs_to() {
    for fixture in fixtures().await {
        let tx = fixture.db.system("test").await.unwrap();
        let table = rows::table(&tx, "tenants").await.unwrap();
        let ids: Vec<_> = (0..1203)
            .map(|_| TenantId::generate(&fixture.clock, &Random::os()))
            .collect();
        let made = |(n, id): (usize, &TenantId)| tenant_row(&table, *id, &format!("t{n}"));
        let mut written: Vec<_> = ids.iter().enumerate().map(made).collect();
        rows::insert(&tx, &table, &written).await.unwrap();
        let mut read = Vec::new();
        let mut pages = rows::pages(&tx, &table, Whose::Everybodys);
        loop {
            let page = pages.next().await.unwrap();
            if page.is_empty() {
                break;
            }
            read.extend(page);
        }
        let by_slug = |row: &Row| format!("{:?}", row[table.place("slug").unwrap()]);
        read.sort_by_key(by_slug);
        written.sort_by_key(by_slug);
        assert_eq!(read, written);

        // Again: those that are there are not added, and may be replaced by whose they are alone.
        let [one, other] = [ids[0], ids[1]];
        assert_eq!(rows::insert_missing(&tx, &table, &read).await.unwrap(), 0);
        let renamed = [tenant_row(&table, one, "renamed")];
        let anothers = rows::replace(&tx, &table, ("id", other), &renamed).await;
        assert!(anothers.unwrap_err().chain().contains("another tenant"));
        rows::replace(&tx, &table, ("id", one), &renamed)
            .await
            .unwrap();
        let whose = Whose::Tenants("id", one);
        let slug = [Cell::Text("renamed".into())];
        let found = rows::having(&tx, &table, whose, "slug", &slug);
        assert_eq!(found.await.unwrap(), renamed);
        let key = [vec![Cell::Id(one.as_uuid())]];
        assert_eq!(
            rows::delete(&tx, &table, ("id", other), &key)
                .await
                .unwrap(),
            0
        );
        assert_eq!(
            rows::delete(&tx, &table, ("id", one), &key).await.unwrap(),
            1
        );
        assert_eq!(
            rows::count(&tx, &table, Whose::Everybodys).await.unwrap(),
            1202
        );
    }
}
