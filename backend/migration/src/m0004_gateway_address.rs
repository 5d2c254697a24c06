//! Where each gateway is to be found, so that whoever looks after the platform can ask it.

use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0004_gateway_address"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // May be missing: a gateway of the version before does not tell.
        let address = ColumnDef::new("address").text().take();
        let table = Table::alter().table("gateways").add_column(address).take();
        manager.alter_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::alter()
            .table("gateways")
            .drop_column("address")
            .take();
        manager.alter_table(table).await
    }
}
