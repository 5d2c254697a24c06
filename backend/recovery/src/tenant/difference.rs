//! What a table has of a tenant, and what it is to have.

use std::collections::{HashMap, HashSet};

use saas_domain::{TenantId, UserId};
use saas_storage::{
    SystemTx,
    rows::{self, Cell, Row, Table, Whose},
};

use super::{TableChange, wanted::Meant};
use crate::{RecoveryError, rows::bytes, stop::Stop};

/// The table of people.
const PEOPLE: &str = "users";

/// What has to be done in a table of rows that belong to a tenant. It is held in memory: a tenant has
/// members and settings, not history; that is in the tables of records, which are not read whole.
#[derive(Debug)]
pub(super) struct Difference {
    name: &'static str,
    pub(super) table: Table,
    column: &'static str,
    added: u64,
    write: Vec<Row>,
    remove: Vec<Row>,
    named: Vec<UserId>,
}

/// Rows of the backup, each as it is to be.
pub(super) async fn read(
    from: &SystemTx,
    difference: &Difference,
    meant: &Meant,
    edit: impl Fn(&mut Row),
    stop: &Stop,
) -> Result<Vec<Row>, RecoveryError> {
    let whose = Whose::Tenants(difference.column, meant.tenant.id);
    let mut pages = rows::pages(from, &difference.table, whose);
    let mut all = Vec::new();
    loop {
        stop.check()?;
        let page = pages.next().await?;
        if page.is_empty() {
            return Ok(all);
        }
        for mut row in page {
            if !difference
                .people_in(&row)
                .any(|one| meant.left_out.contains(&one))
            {
                edit(&mut row);
                all.push(row);
            }
        }
    }
}

impl Difference {
    pub(super) const fn new(name: &'static str, table: Table, column: &'static str) -> Self {
        Self {
            name,
            table,
            column,
            added: 0,
            write: Vec::new(),
            remove: Vec::new(),
            named: Vec::new(),
        }
    }

    /// Holds what is to be against what is.
    pub(super) async fn take(
        &mut self,
        live: &SystemTx,
        tenant: TenantId,
        wanted: Vec<Row>,
        lock: bool,
        stop: &Stop,
    ) -> Result<(), RecoveryError> {
        let mut there = HashMap::new();
        let mut pages = rows::pages(live, &self.table, Whose::Tenants(self.column, tenant));
        if lock {
            pages = pages.locked();
        }
        loop {
            stop.check()?;
            let page = pages.next().await?;
            if page.is_empty() {
                break;
            }
            there.extend(
                page.into_iter()
                    .map(|row| (bytes(&key(&self.table, &row)), row)),
            );
        }
        for row in wanted {
            let people: Vec<_> = self.people_in(&row).collect();
            self.named.extend(people);
            match there.remove(&bytes(&key(&self.table, &row))) {
                Some(now) if bytes(&now) == bytes(&row) => {}
                Some(_) => self.write.push(row),
                None => {
                    self.added += 1;
                    self.write.push(row);
                }
            }
        }
        self.remove = there.into_values().collect();
        Ok(())
    }

    pub(super) fn change(&self) -> TableChange {
        TableChange {
            table: self.name,
            added: self.added,
            changed: self.write.len() as u64 - self.added,
            removed: self.remove.len() as u64,
        }
    }

    pub(super) async fn remove(
        &self,
        live: &SystemTx,
        tenant: TenantId,
    ) -> Result<(), RecoveryError> {
        let keys: Vec<_> = self
            .remove
            .iter()
            .map(|row| key(&self.table, row))
            .collect();
        rows::delete(live, &self.table, (self.column, tenant), &keys).await?;
        Ok(())
    }

    pub(super) async fn write(
        &self,
        live: &SystemTx,
        tenant: TenantId,
    ) -> Result<(), RecoveryError> {
        let whose = (self.column, tenant);
        Ok(rows::replace(live, &self.table, whose, &self.write).await?)
    }

    /// The people whom a row that changes is about.
    pub(super) fn people(&self) -> impl Iterator<Item = UserId> {
        let changed = self.write.iter().chain(&self.remove);
        changed.flat_map(|row| self.people_in(row))
    }

    /// The people whom rows of the backup are about.
    pub(super) fn named(&self) -> impl Iterator<Item = UserId> {
        self.named.iter().copied()
    }

    fn people_in(&self, row: &Row) -> impl Iterator<Item = UserId> {
        let people = self.table.references.iter();
        let places = people
            .filter(|reference| reference.table == PEOPLE)
            .filter_map(|reference| self.table.place(&reference.column));
        places.filter_map(|place| match row.get(place) {
            Some(Cell::Id(id)) => Some((*id).into()),
            _ => None,
        })
    }
}

/// How many of the tenant's records are not there any more.
pub(super) async fn missing(
    from: &SystemTx,
    live: &SystemTx,
    table: &Table,
    (column, tenant): (&str, TenantId),
    stop: &Stop,
) -> Result<u64, RecoveryError> {
    let whose = Whose::Tenants(column, tenant);
    let Some(first) = table.key().next() else {
        return Err(RecoveryError::Columns(table.name.clone()));
    };
    let mut pages = rows::pages(from, table, whose);
    let mut missing = 0;
    loop {
        stop.check()?;
        let page = pages.next().await?;
        if page.is_empty() {
            return Ok(missing);
        }
        let among: Vec<_> = page
            .iter()
            .filter_map(|row| row.get(first).cloned())
            .collect();
        let name = &table.columns[first].name;
        let there = rows::having(live, table, whose, name, &among).await?;
        let there: HashSet<_> = there.iter().map(|row| bytes(&key(table, row))).collect();
        let gone = page
            .iter()
            .filter(|row| !there.contains(&bytes(&key(table, row))));
        missing += gone.count() as u64;
    }
}

fn key(table: &Table, row: &Row) -> Row {
    table
        .key()
        .filter_map(|place| row.get(place).cloned())
        .collect()
}
