//! Invitations: how somebody who has an account already comes into a tenant.

use sea_orm_migration::prelude::*;

use crate::access;

const TABLE: &str = "invitations";

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0005_invitations"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(invitations()).await?;
        for index in indexes() {
            manager.create_index(index).await?;
        }
        access::tenant_table(manager, TABLE, "tenant_id").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::drop().table(TABLE).to_owned();
        manager.drop_table(table).await
    }
}

fn invitations() -> TableCreateStatement {
    let required = |name: &'static str| ColumnDef::new(name).not_null().take();
    Table::create()
        .table(TABLE)
        .col(required("id").uuid().primary_key())
        .col(required("tenant_id").uuid())
        .col(required("email").text())
        .col(required("role").text())
        // SHA-256 of the code; the code itself is nowhere.
        .col(required("digest").blob())
        .col(required("invited_by").uuid())
        .col(required("created_at").timestamp_with_time_zone())
        .col(required("expires_at").timestamp_with_time_zone())
        .foreign_key(&mut belongs_to("tenant_id", "tenants"))
        .foreign_key(&mut belongs_to("invited_by", "users"))
        .take()
}

/// A foreign key whose row goes when the row it names goes.
fn belongs_to(column: &'static str, to: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("fk_{TABLE}_{column}"))
        .from(TABLE, column)
        .to(to, "id")
        .on_delete(ForeignKeyAction::Cascade)
        .take()
}

fn indexes() -> [IndexCreateStatement; 3] {
    let index = |name: &'static str| Index::create().name(name).table(TABLE).take();
    [
        // One at a time for each address.
        index("idx_invitations_address")
            .col("tenant_id")
            .col("email")
            .unique()
            .take(),
        index("idx_invitations_email").col("email").take(),
        index("idx_invitations_expires").col("expires_at").take(),
    ]
}
