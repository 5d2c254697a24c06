//! What every handler works with.

use std::sync::Arc;

use saas_config::Networks;
use saas_domain::{Clock, Random};
use saas_storage::{ChangeStream, Database, StorageError, SystemTx};
use saas_web::Problem;

use crate::caller::Authenticator;
use crate::catalog::{Catalog, Current, Subject};
use crate::problem;
use crate::renewals::Renewals;

/// The registry's state. Cloning shares it.
#[derive(Clone)]
pub(crate) struct App(Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) database: Database,
    pub(crate) catalog: Catalog,
    pub(crate) renewals: Renewals,
    pub(crate) authenticator: Authenticator,
    pub(crate) upstream_networks: Networks,
    pub(crate) trusted_proxies: Networks,
}

impl App {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    pub(crate) fn database(&self) -> &Database {
        &self.0.database
    }

    pub(crate) fn clock(&self) -> &Clock {
        self.0.database.clock()
    }

    pub(crate) fn random(&self) -> &Random {
        self.0.database.random()
    }

    pub(crate) fn renewals(&self) -> &Renewals {
        &self.0.renewals
    }

    pub(crate) fn authenticator(&self) -> &Authenticator {
        &self.0.authenticator
    }

    pub(crate) fn upstream_networks(&self) -> &Networks {
        &self.0.upstream_networks
    }

    pub(crate) fn trusted_proxies(&self) -> &Networks {
        &self.0.trusted_proxies
    }

    pub(crate) fn catalog(&self) -> &Catalog {
        &self.0.catalog
    }

    /// The table as it is now.
    pub(crate) fn current(&self) -> Result<Arc<Current>, Problem> {
        self.0.catalog.current().ok_or_else(problem::not_loaded)
    }

    /// Begins a transaction.
    pub(crate) async fn begin(&self, reason: &'static str) -> Result<SystemTx, Problem> {
        let begun = self.0.database.system(reason).await;
        begun.map_err(problem::of_storage)
    }

    /// Commits with the changes and returns once this replica shows them, so that a caller reads
    /// what it wrote. Returns the number of the last change.
    pub(crate) async fn commit(&self, tx: SystemTx, subjects: &[Subject]) -> Result<i64, Problem> {
        commit(&self.0.catalog, tx, subjects)
            .await
            .map_err(problem::of_storage)
    }
}

/// [`App::commit`] for the tasks in the background.
pub(crate) async fn commit(
    catalog: &Catalog,
    tx: SystemTx,
    subjects: &[Subject],
) -> Result<i64, StorageError> {
    let subjects: Vec<String> = subjects.iter().map(Subject::to_string).collect();
    let number = tx
        .commit_with_changes(ChangeStream::Registry, &subjects)
        .await?;
    catalog.applied(number).await;
    Ok(number)
}
