//! Who may touch a table, and which rows of it. All of this is PostgreSQL's; on SQLite these
//! functions do nothing, and the tenant filter in every query stands alone.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::{SYSTEM_ROLE, TENANT_ROLE};

/// A table of the platform's own: the system role reads and writes it, the tenant role cannot see
/// it.
pub(crate) async fn platform_table(manager: &SchemaManager<'_>, table: &str) -> Result<(), DbErr> {
    run(
        manager,
        &format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {SYSTEM_ROLE}"),
    )
    .await
}

/// A table whose rows each belong to the tenant in `column`: the tenant role reads and writes the
/// rows of the tenant that the transaction has set, and without one sees and adds none.
pub(crate) async fn tenant_table(
    manager: &SchemaManager<'_>,
    table: &str,
    column: &str,
) -> Result<(), DbErr> {
    platform_table(manager, table).await?;
    // A setting that was made and taken back earlier in the session reads as an empty string.
    let own = format!("{column} = NULLIF(current_setting('saas.tenant_id', true), '')::uuid");
    for statement in [
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {TENANT_ROLE}"),
        format!("ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"),
        format!(
            "CREATE POLICY {table}_own ON {table} TO {TENANT_ROLE} USING ({own}) WITH CHECK ({own})"
        ),
        format!(
            "CREATE POLICY {table}_all ON {table} TO {SYSTEM_ROLE} USING (true) WITH CHECK (true)"
        ),
    ] {
        run(manager, &statement).await?;
    }
    Ok(())
}

/// Runs a statement on PostgreSQL only. It is made of names from this crate's source, never of
/// anything from outside.
pub(crate) async fn run(manager: &SchemaManager<'_>, statement: &str) -> Result<(), DbErr> {
    if manager.get_database_backend() == DbBackend::Postgres {
        manager
            .get_connection()
            .execute_unprepared(statement)
            .await?;
    }
    Ok(())
}
