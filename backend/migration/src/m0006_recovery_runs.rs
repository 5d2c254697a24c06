//! What was done so that nothing is lost: backups and drills, by the schedule or by hand.

use sea_orm_migration::prelude::*;

use crate::access;

const TABLE: &str = "recovery_runs";

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0006_recovery_runs"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(recovery_runs()).await?;
        for index in indexes() {
            manager.create_index(index).await?;
        }
        access::platform_table(manager, TABLE).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::drop().table(TABLE).to_owned();
        manager.drop_table(table).await
    }
}

fn recovery_runs() -> TableCreateStatement {
    let required = |name: &'static str| ColumnDef::new(name).not_null().take();
    Table::create()
        .table(TABLE)
        .col(required("id").uuid().primary_key())
        .col(required("kind").text())
        .col(required("status").text())
        // The moment of the schedule that it is for; none if somebody asked for it.
        .col(ColumnDef::new("scheduled_for").timestamp_with_time_zone())
        .col(required("started_at").timestamp_with_time_zone())
        .col(ColumnDef::new("finished_at").timestamp_with_time_zone())
        .col(required("holder").text())
        // JSON as it was written, byte for byte: a drill's report is signed.
        .col(required("detail").text())
        .take()
}

fn indexes() -> [IndexCreateStatement; 2] {
    let index = |name: &'static str| Index::create().name(name).table(TABLE).take();
    [
        // Each moment of the schedule is done once, whoever else wants to.
        index("idx_recovery_runs_kind_scheduled_for")
            .col("kind")
            .col("scheduled_for")
            .unique()
            .take(),
        index("idx_recovery_runs_started")
            .col("kind")
            .col("started_at")
            .take(),
    ]
}
