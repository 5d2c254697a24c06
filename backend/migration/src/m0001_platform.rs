//! The platform's own tables: installation, change log, leases, and what the registry keeps.

use sea_orm_migration::prelude::*;

use crate::access;

/// Every table here, in an order in which they can be dropped.
const TABLES: [&str; 7] = [
    "gateways",
    "routes",
    "instances",
    "services",
    "leases",
    "changes",
    "installation",
];

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0001_platform"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        access::run(
            manager,
            "GRANT USAGE ON SCHEMA public TO saas_tenant, saas_system",
        )
        .await?;
        for table in [
            installation(),
            changes(),
            leases(),
            services(),
            instances(),
            routes(),
            gateways(),
        ] {
            manager.create_table(table).await?;
        }
        for index in [
            index("idx_changes_created", "changes", "created_at"),
            index("idx_services_name", "services", "name")
                .unique()
                .to_owned(),
            index("idx_services_active", "services", "is_active"),
            index("idx_instances_lease", "instances", "lease_expires_at"),
            index("idx_routes_service", "routes", "service"),
        ] {
            manager.create_index(index).await?;
        }
        for table in TABLES {
            access::platform_table(manager, table).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        access::run(
            manager,
            "REVOKE USAGE ON SCHEMA public FROM saas_tenant, saas_system",
        )
        .await
    }
}

/// One row: which installation this is, and how often its history was cut by a restore.
fn installation() -> TableCreateStatement {
    Table::create()
        .table("installation")
        .col(required("id").uuid().primary_key())
        // Always 1: the unique index admits one row only, whoever comes first.
        .col(required("single").integer().unique_key())
        .col(required("epoch").big_integer())
        .col(required("created_at").timestamp_with_time_zone())
        .to_owned()
}

/// The change log of both streams.
fn changes() -> TableCreateStatement {
    Table::create()
        .table("changes")
        .col(required("stream").text())
        .col(required("number").big_integer())
        .col(required("subject").text())
        .col(required("created_at").timestamp_with_time_zone())
        .primary_key(Index::create().col("stream").col("number"))
        .to_owned()
}

/// Who leads what.
fn leases() -> TableCreateStatement {
    Table::create()
        .table("leases")
        .col(required("name").text().primary_key())
        .col(required("holder").uuid())
        .col(required("expires_at").timestamp_with_time_zone())
        .to_owned()
}

fn services() -> TableCreateStatement {
    Table::create()
        .table("services")
        .col(required("name").text().primary_key())
        .col(required("is_active").boolean())
        // What its last registration declared, for the time when no instance is there to say it.
        .col(required("gateway").json())
        .col(required("version").big_integer())
        .col(required("created_at").timestamp_with_time_zone())
        .col(required("updated_at").timestamp_with_time_zone())
        .to_owned()
}

fn instances() -> TableCreateStatement {
    Table::create()
        .table("instances")
        .col(required("service").text())
        .col(required("id").text())
        .col(required("address").text())
        .col(required("port").integer())
        .col(required("scheme").text())
        .col(ColumnDef::new("version").text())
        .col(ColumnDef::new("zone").text())
        .col(required("weight").integer())
        .col(required("tags").json())
        .col(required("metadata").json())
        .col(required("gateway").json())
        .col(required("status").text())
        .col(ColumnDef::new("check").json())
        .col(ColumnDef::new("check_passing").boolean())
        .col(required("lease_seconds").integer())
        .col(required("lease_expires_at").timestamp_with_time_zone())
        .col(required("registered_at").timestamp_with_time_zone())
        .col(required("updated_at").timestamp_with_time_zone())
        .primary_key(Index::create().col("service").col("id"))
        .foreign_key(
            ForeignKey::create()
                .from("instances", "service")
                .to("services", "name")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn routes() -> TableCreateStatement {
    Table::create()
        .table("routes")
        .col(required("id").uuid().primary_key())
        .col(ColumnDef::new("name").text())
        .col(required("hosts").json())
        .col(required("path").text())
        .col(required("methods").json())
        .col(required("service").text())
        .col(required("strip_path").boolean())
        .col(required("access").text())
        .col(ColumnDef::new("required_permission").text())
        .col(required("strict").boolean())
        .col(required("forward_token").boolean())
        .col(required("is_enabled").boolean())
        .col(required("version").big_integer())
        .col(required("created_at").timestamp_with_time_zone())
        .col(required("updated_at").timestamp_with_time_zone())
        .to_owned()
}

/// What each gateway last reported, so that every replica of the registry can answer a drain.
fn gateways() -> TableCreateStatement {
    Table::create()
        .table("gateways")
        .col(required("id").uuid().primary_key())
        .col(ColumnDef::new("seen_epoch").big_integer())
        .col(ColumnDef::new("seen_number").big_integer())
        .col(required("in_flight").json())
        .col(required("reported_at").timestamp_with_time_zone())
        .col(required("expires_at").timestamp_with_time_zone())
        .to_owned()
}

fn required(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).not_null().take()
}

fn index(name: &str, table: &'static str, column: &'static str) -> IndexCreateStatement {
    Index::create()
        .name(name)
        .table(table)
        .col(column)
        .to_owned()
}
