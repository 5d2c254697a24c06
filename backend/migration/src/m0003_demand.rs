//! What each gateway's clients ask for, so that several gateways share a limit.

use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0003_demand"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // With a default, so that a registry of the version before can still store reports.
        let demand = ColumnDef::new("demand")
            .json()
            .not_null()
            .default("{}")
            .take();
        let table = Table::alter().table("gateways").add_column(demand).take();
        manager.alter_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::alter()
            .table("gateways")
            .drop_column("demand")
            .take();
        manager.alter_table(table).await
    }
}
