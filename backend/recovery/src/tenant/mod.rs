//! One tenant comes back, and everybody else's rows stay as they are.
//!
//! The backup is restored beside the live database as a whole one is. From there the tenant's rows
//! take the place of those it has now, in one transaction: see [`Belongs`](saas_migration::Belongs)
//! for what becomes of which table. The platform goes on meanwhile.

mod difference;
mod people;
mod wanted;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use saas_domain::{Clock, EmailAddress, Random, TenantId, UserId};
use saas_migration::{Belongs, TABLES};
use saas_security::FileSeal;
use saas_storage::{
    Database, DatabaseSettings, StorageError, SystemTx,
    core::{lock, tenants::TenantStatus, users::User},
    rows,
};

use crate::{
    RecoveryError,
    facts::this_version,
    format::Manifest,
    restore::{Allowed, Hold, beside::Beside, sound},
    source::Source,
    stop::Stop,
    verify::Backup,
};
use difference::Difference;
use wanted::Meant;
pub use wanted::Wanted;

/// Held by whoever restores a tenant.
const LOCK: &str = "restore.tenant";

/// A tenant's restore that was prepared: everything of the backup lies beside the live database.
pub struct TenantRestore {
    beside: Beside,
    hold: Hold,
    scratch: Database,
    live: Database,
    taken_at: DateTime<Utc>,
    meant: Meant,
}

/// What a restore of a tenant would do.
#[derive(Clone, Debug)]
pub struct TenantPlan {
    /// The tenant.
    pub tenant: TenantId,
    /// What it is called in the backup.
    pub name: String,
    /// Its slug, as it will be.
    pub slug: String,
    /// Whether it is there now, so that rows are replaced.
    pub is_live: bool,
    /// Whether it was active then, is suspended now, and stays so.
    pub stays_suspended: bool,
    /// The people who are not there any more and will be, disabled.
    pub people: Vec<EmailAddress>,
    /// What changes in which table; tables in which nothing does are not named.
    pub tables: Vec<TableChange>,
}

/// What changes in a table.
#[derive(Clone, Copy, Debug)]
pub struct TableChange {
    /// Which.
    pub table: &'static str,
    /// Rows that come.
    pub added: u64,
    /// Rows that are otherwise now.
    pub changed: u64,
    /// Rows that are not in the backup and go.
    pub removed: u64,
}

/// A tenant that was restored, for those who tell the others.
#[derive(Clone, Debug)]
pub struct TenantRestored {
    /// Which.
    pub tenant: TenantId,
    /// The backup's moment.
    pub taken_at: DateTime<Utc>,
    /// Those whose place in the tenant is another than before.
    pub people: BTreeSet<UserId>,
    /// Those who were made anew, disabled.
    pub recreated: Vec<UserId>,
}

/// All that has to be done.
struct Work {
    is_live: bool,
    stays_suspended: bool,
    people: Vec<User>,
    tables: Vec<Difference>,
}

impl std::fmt::Debug for TenantRestore {
    /// Without addresses, which may hold passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TenantRestore")
            .field("meant", &self.meant)
            .finish_non_exhaustive()
    }
}

impl TenantRestore {
    /// Reads the backup to its end and restores it beside the live database, which is not touched.
    ///
    /// # Errors
    /// One sentence for what speaks against it, with what to do instead.
    #[expect(clippy::too_many_arguments, reason = "what a restore is made of")]
    pub async fn prepare(
        backup: &Backup,
        target: &Source,
        wanted: &Wanted,
        allowed: Allowed,
        seal: &FileSeal,
        clock: &Clock,
        random: &Random,
        stop: &Stop,
    ) -> Result<Self, RecoveryError> {
        let facts = target.facts().await?;
        this_version(&facts.migrations, "the database")?;
        let (manifest, _) = sound(backup, target, allowed, seal, stop).await?;
        if manifest.installation != facts.installation {
            return Err(RecoveryError::OtherPlatform {
                path: backup.path.clone(),
                backup: manifest.installation,
                live: facts.installation,
            });
        }
        let hold = Hold::take(target).await?;
        let beside = Beside::make(target, clock.now()).await?;
        let open = async |url| {
            let settings = DatabaseSettings {
                url,
                min_connections: 0,
                max_connections: 2,
            };
            Database::open(settings, clock.clone(), random.clone()).await
        };
        let found = async {
            fill(&beside, backup, &manifest, stop).await?;
            let scratch = open(beside.url()).await?;
            let tx = scratch.system_snapshot("restore.wanted").await?;
            let meant = wanted::find(&tx, wanted, manifest.taken_at).await?;
            drop(tx);
            Ok((scratch, meant, open(target.url()).await?))
        };
        match found.await {
            Ok((scratch, meant, live)) => Ok(Self {
                beside,
                hold,
                scratch,
                live,
                taken_at: manifest.taken_at,
                meant,
            }),
            Err(error) => {
                beside.discard().await;
                Err(error)
            }
        }
    }

    /// What it would do, by what is there now.
    ///
    /// # Errors
    /// When something speaks against it.
    pub async fn plan(&self, stop: &Stop) -> Result<TenantPlan, RecoveryError> {
        let from = self.scratch.system_snapshot("restore.plan").await?;
        let live = self.live.system_snapshot("restore.plan").await?;
        from.take_time().await?;
        live.take_time().await?;
        let work = self.work(&from, &live, false, stop).await?;
        let mut tables: Vec<_> = work.tables.iter().map(Difference::change).collect();
        for (name, column) in records() {
            let table = crate::rows::on_both(&from, &live, name).await?;
            let whose = (column, self.meant.tenant.id);
            let added = difference::missing(&from, &live, &table, whose, stop).await?;
            tables.push(TableChange {
                table: name,
                added,
                changed: 0,
                removed: 0,
            });
        }
        tables.retain(|one| one.added + one.changed + one.removed > 0);
        Ok(TenantPlan {
            tenant: self.meant.tenant.id,
            name: self.meant.tenant.name.clone(),
            slug: self.meant.slug.to_string(),
            is_live: work.is_live,
            stays_suspended: work.stays_suspended,
            people: work.people.into_iter().map(|user| user.email).collect(),
            tables,
        })
    }

    /// Does it. `finish` gets the transaction in which all of it stands, tells those who have to hear
    /// of it, and commits.
    ///
    /// # Errors
    /// When something speaks against it or fails, or `stop` says so. Then nothing was changed.
    pub async fn apply(
        &self,
        stop: &Stop,
        finish: impl AsyncFnOnce(SystemTx, &TenantRestored) -> Result<(), StorageError>,
    ) -> Result<(), RecoveryError> {
        let from = self.scratch.system_snapshot("restore.read").await?;
        let live = self.live.system("restore.tenant").await?;
        from.take_time().await?;
        live.take_time().await?;
        lock::hold(&live, LOCK).await?;
        let work = self.work(&from, &live, true, stop).await?;
        let tenant = self.meant.tenant.id;
        let mut restored = TenantRestored {
            tenant,
            taken_at: self.taken_at,
            people: BTreeSet::new(),
            recreated: work.people.iter().map(|user| user.id).collect(),
        };
        people::recreate(&live, &work.people).await?;
        // What refers to others goes first and comes last.
        for difference in work.tables.iter().rev() {
            difference.remove(&live, tenant).await?;
            restored.people.extend(difference.people());
        }
        for difference in &work.tables {
            difference.write(&live, tenant).await?;
        }
        for (name, column) in records() {
            let table = crate::rows::on_both(&from, &live, name).await?;
            let whose = rows::Whose::Tenants(column, tenant);
            let mut pages = rows::pages(&from, &table, whose);
            loop {
                stop.check()?;
                let page = pages.next().await?;
                if page.is_empty() {
                    break;
                }
                rows::insert_missing(&live, &table, &page).await?;
            }
        }
        stop.check()?;
        Ok(finish(live, &restored).await?)
    }

    /// Removes what was restored beside.
    pub async fn discard(self) {
        self.scratch.close().await;
        self.live.close().await;
        self.beside.discard().await;
        self.hold.release().await;
    }

    async fn work(
        &self,
        from: &SystemTx,
        live: &SystemTx,
        lock: bool,
        stop: &Stop,
    ) -> Result<Work, RecoveryError> {
        let now = wanted::check(live, &self.meant).await?;
        let stays_suspended = now.as_ref().is_some_and(|now| {
            now.status == TenantStatus::Suspended
                && self.meant.tenant.status == TenantStatus::Active
        });
        let mut tables = Vec::new();
        for (name, belongs) in TABLES {
            let Belongs::Tenant(column) = belongs else {
                continue;
            };
            let table = crate::rows::on_both(from, live, name).await?;
            let mut difference = Difference::new(name, table, column);
            let edit = |row: &mut rows::Row| {
                if name == wanted::TENANTS {
                    self.meant.edit(&difference.table, row, stays_suspended);
                }
            };
            let rows = difference::read(from, &difference, &self.meant, edit, stop).await?;
            difference
                .take(live, self.meant.tenant.id, rows, lock, stop)
                .await?;
            tables.push(difference);
        }
        let named = tables.iter().flat_map(Difference::named);
        let people = people::missing(from, live, named).await?;
        Ok(Work {
            is_live: now.is_some(),
            stays_suspended,
            people,
            tables,
        })
    }
}

/// The tables of what happened to a tenant.
fn records() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLES
        .into_iter()
        .filter_map(|(name, belongs)| match belongs {
            Belongs::TenantRecord(column) => Some((name, column)),
            _ => None,
        })
}

async fn fill(
    beside: &Beside,
    backup: &Backup,
    manifest: &Manifest,
    stop: &Stop,
) -> Result<(), RecoveryError> {
    beside.fill(backup, manifest, stop).await?;
    beside.compare(manifest, stop).await?;
    saas_migration::up(&beside.url()).await?;
    stop.check()
}
