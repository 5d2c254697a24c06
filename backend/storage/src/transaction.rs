//! The only two ways in: a transaction of one tenant, and one of the system.

use std::time::Instant;

use chrono::{DateTime, Utc};
use saas_domain::{Clock, Random, TenantId};
use saas_migration::{SYSTEM_ROLE, TENANT_ROLE};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, IsolationLevel, SqliteTransactionMode,
    Statement, TransactionOptions, TransactionTrait,
};

use crate::spans::TransactionSpan;
use crate::{ChangeStream, Database, StorageError, changes};

/// Whether a transaction may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// On SQLite it takes the one writer.
    Write,
    /// The database refuses writes. On SQLite it takes one of the readers.
    Read,
    /// Like `Read`, and every statement sees the same moment, as on SQLite they always do.
    Snapshot,
}

/// A transaction that sees one tenant's rows. Dropped without [`commit`](Self::commit), it is taken
/// back.
#[derive(Debug)]
pub struct TenantTx {
    session: Session,
    tenant: TenantId,
}

/// A transaction that sees the rows of every tenant and of the platform. Dropped without
/// [`commit`](Self::commit), it is taken back.
#[derive(Debug)]
pub struct SystemTx {
    session: Session,
}

impl Database {
    /// Begins a transaction that reads and writes one tenant's rows.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when no connection or, on SQLite, the writer could not be had
    /// within 5 s.
    pub async fn tenant(&self, tenant: TenantId) -> Result<TenantTx, StorageError> {
        let session = Session::begin(self, Access::Write, Some(tenant), "tenant").await?;
        Ok(TenantTx { session, tenant })
    }

    /// Like [`Database::tenant`], for reading only: a write in it fails.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when no connection could be had within 5 s.
    pub async fn tenant_read(&self, tenant: TenantId) -> Result<TenantTx, StorageError> {
        let session = Session::begin(self, Access::Read, Some(tenant), "tenant").await?;
        Ok(TenantTx { session, tenant })
    }

    /// Begins a transaction beside tenancy. The reason stands in the log and in traces, such as
    /// `registry.register`.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when no connection or, on SQLite, the writer could not be had
    /// within 5 s.
    pub async fn system(&self, reason: &'static str) -> Result<SystemTx, StorageError> {
        tracing::trace!(reason, "system transaction");
        let session = Session::begin(self, Access::Write, None, reason).await?;
        Ok(SystemTx { session })
    }

    /// Like [`Database::system`], for reading only: a write in it fails.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when no connection could be had within 5 s.
    pub async fn system_read(&self, reason: &'static str) -> Result<SystemTx, StorageError> {
        tracing::trace!(reason, "system transaction, reading");
        let session = Session::begin(self, Access::Read, None, reason).await?;
        Ok(SystemTx { session })
    }

    /// Like [`Database::system_read`], and whatever is read in it is of one moment.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when no connection could be had within 5 s.
    pub async fn system_snapshot(&self, reason: &'static str) -> Result<SystemTx, StorageError> {
        tracing::trace!(reason, "system transaction, reading one moment");
        let session = Session::begin(self, Access::Snapshot, None, reason).await?;
        Ok(SystemTx { session })
    }
}

/// What both transactions have in common, for repositories that work in either.
pub(crate) trait OpenTransaction: Send + Sync {
    /// Where statements go.
    fn connection(&self) -> &DatabaseTransaction;
    /// The database this is a transaction of.
    fn database(&self) -> &Database;
}

macro_rules! transaction {
    ($name:ident) => {
        impl OpenTransaction for $name {
            fn connection(&self) -> &DatabaseTransaction {
                &self.session.transaction
            }

            fn database(&self) -> &Database {
                &self.session.database
            }
        }

        impl $name {
            /// The injected clock.
            pub fn clock(&self) -> &Clock {
                self.session.database.clock()
            }

            /// The injected source of randomness.
            pub fn random(&self) -> &Random {
                self.session.database.random()
            }

            /// The injected clock's time.
            pub fn now(&self) -> DateTime<Utc> {
                self.clock().now()
            }

            /// Makes everything done in it last.
            ///
            /// # Errors
            /// [`StorageError::Unavailable`] when the database went away: whether the changes
            /// lasted is then unknown.
            pub async fn commit(self) -> Result<(), StorageError> {
                self.session.commit().await
            }

            /// Records one change per subject, commits, and wakes everybody who watches the
            /// stream. Returns the number of the last change.
            ///
            /// Numbers are given out under a lock that is held until the commit, so that whoever
            /// sees number N has seen every smaller one. This is why recording ends the
            /// transaction: nothing else may happen while the lock is held.
            ///
            /// # Errors
            /// [`StorageError::Unavailable`] when the database is away, or the lock could not be
            /// had within 5 s.
            pub async fn commit_with_changes(
                self,
                stream: ChangeStream,
                subjects: &[String],
            ) -> Result<i64, StorageError> {
                changes::record_and_commit(self.session, stream, subjects).await
            }
        }
    };
}

transaction!(TenantTx);
transaction!(SystemTx);

impl SystemTx {
    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// Lets its statements, and the pauses between them, take as long as they need: for work on whole
    /// tables.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when the database is away.
    pub async fn take_time(&self) -> Result<(), StorageError> {
        let connection = &self.session.transaction;
        if connection.get_database_backend() == DbBackend::Postgres {
            let sql = "SELECT set_config('statement_timeout', '0', true), \
                       set_config('idle_in_transaction_session_timeout', '0', true)";
            let patient = Statement::from_string(DbBackend::Postgres, sql);
            connection.execute_raw(patient).await?;
        }
        Ok(())
    }
}

impl TenantTx {
    /// Whose rows it sees. Every query names it, too.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }
}

/// An open transaction in its role.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) transaction: DatabaseTransaction,
    pub(crate) database: Database,
    pub(crate) access: Access,
    span: TransactionSpan,
}

impl Session {
    async fn begin(
        database: &Database,
        access: Access,
        tenant: Option<TenantId>,
        name: &'static str,
    ) -> Result<Self, StorageError> {
        let asked = Instant::now();
        let span = TransactionSpan::begin(database.place(), name, access, asked);
        let begun = Self::open(database, access, tenant).await;
        match &begun {
            Ok(_) => database.observe(Ok(asked.elapsed())),
            Err(error) if error.is_unavailable() => database.observe(Err(())),
            Err(_) => {}
        }
        match begun {
            Ok(transaction) => Ok(Self {
                transaction,
                database: database.clone(),
                access,
                span,
            }),
            Err(error) => {
                span.refused();
                Err(error)
            }
        }
    }

    async fn open(
        database: &Database,
        access: Access,
        tenant: Option<TenantId>,
    ) -> Result<DatabaseTransaction, StorageError> {
        let connection = database.connection(access);
        let is_postgres = connection.get_database_backend() == DbBackend::Postgres;
        let transaction = connection
            .begin_with_options(TransactionOptions {
                sqlite_transaction_mode: Some(match access {
                    Access::Write => SqliteTransactionMode::Immediate,
                    Access::Read | Access::Snapshot => SqliteTransactionMode::Deferred,
                }),
                isolation_level: (access == Access::Snapshot && is_postgres)
                    .then_some(IsolationLevel::RepeatableRead),
                ..TransactionOptions::default()
            })
            .await?;
        if is_postgres {
            let role = tenant.map_or(SYSTEM_ROLE, |_| TENANT_ROLE);
            let tenant = tenant.map(|tenant| tenant.to_string()).unwrap_or_default();
            enter(&transaction, access, role, &tenant).await?;
        }
        Ok(transaction)
    }

    pub(crate) async fn commit(self) -> Result<(), StorageError> {
        let committed = self.transaction.commit().await;
        self.span.committed(&committed);
        Ok(committed?)
    }

    /// Switches, for the rest of this transaction, to a role and a tenant.
    pub(crate) async fn enter(&self, role: &str, tenant: &str) -> Result<(), StorageError> {
        enter(&self.transaction, self.access, role, tenant).await
    }
}

/// Switches, for this transaction only, to a role and a tenant, and keeps a reader from writing: one
/// round trip.
async fn enter(
    transaction: &DatabaseTransaction,
    access: Access,
    role: &str,
    tenant: &str,
) -> Result<(), StorageError> {
    let read_only = match access {
        Access::Write => "off",
        Access::Read | Access::Snapshot => "on",
    };
    transaction
        .execute_raw(Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT set_config('transaction_read_only', $3, true), \
             set_config('saas.tenant_id', $2, true), set_config('role', $1, true)",
            [role.into(), tenant.into(), read_only.into()],
        ))
        .await?;
    Ok(())
}
