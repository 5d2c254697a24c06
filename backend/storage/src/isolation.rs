//! Proof, at every readiness check, that PostgreSQL keeps tenants apart.

use saas_migration::TENANT_ROLE;
use sea_orm::sea_query::{Alias, Expr, Query};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::transaction::OpenTransaction as _;
use crate::{Database, StorageError};

/// The tenant role sees a row although no tenant is set.
#[derive(Debug, thiserror::Error)]
#[error(
    "the role {TENANT_ROLE} sees rows of `{table}` without a tenant: row-level security was \
     disabled there, or the policies were changed"
)]
struct Leak {
    table: String,
}

/// Looks, as the tenant role without a tenant, at every table that this role may read.
pub(crate) async fn check(database: &Database) -> Result<(), StorageError> {
    let tx = database.system_read("readiness.isolation").await?;
    let rows = tx
        .connection()
        .query_all_raw(Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace \
             AND c.relkind IN ('r', 'p', 'v', 'm') AND has_table_privilege($1, c.oid, 'SELECT')",
            [TENANT_ROLE.into()],
        ))
        .await?;
    let mut tables = Vec::new();
    for row in rows {
        tables.push(row.try_get_by_index::<String>(0)?);
    }
    tx.enter_tenant_role_without_tenant().await?;
    for table in tables {
        let query = Query::select()
            .expr(Expr::value(1))
            .from(Alias::new(&table))
            .limit(1)
            .to_owned();
        if tx.connection().query_one(&query).await?.is_some() {
            return Err(StorageError::Other(Leak { table }.into()));
        }
    }
    Ok(())
}

impl crate::SystemTx {
    async fn enter_tenant_role_without_tenant(&self) -> Result<(), StorageError> {
        self.session().enter(TENANT_ROLE, "").await
    }
}
