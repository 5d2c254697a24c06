//! People, tenants, sessions, keys, audit, and what core counts.

use sea_orm_migration::prelude::*;

use crate::access;

/// Every table here, in an order in which they can be dropped.
const TABLES: [&str; 11] = [
    "traffic_windows",
    "sign_in_attempts",
    "idempotency_keys",
    "audit_events",
    "signing_keys",
    "stale_tokens",
    "refresh_tokens",
    "sessions",
    "memberships",
    "tenants",
    "users",
];

/// The tables of whose rows each belongs to one tenant, with the column that says to which.
const TENANT_TABLES: [(&str, &str); 5] = [
    ("tenants", "id"),
    ("memberships", "tenant_id"),
    ("stale_tokens", "tenant_id"),
    ("audit_events", "tenant_id"),
    ("idempotency_keys", "tenant_id"),
];

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0002_people"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [
            users(),
            tenants(),
            memberships(),
            sessions(),
            refresh_tokens(),
            stale_tokens(),
            signing_keys(),
            audit_events(),
            idempotency_keys(),
            sign_in_attempts(),
            traffic_windows(),
        ] {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        for table in TABLES {
            match TENANT_TABLES.iter().find(|(name, _)| *name == table) {
                Some((_, column)) => access::tenant_table(manager, table, column).await?,
                None => access::platform_table(manager, table).await?,
            }
        }
        for statement in PEOPLE_OF_A_TENANT.iter().chain(&WITHHELD_FROM_A_TENANT) {
            access::run(manager, statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // It looks at memberships, which could not be dropped before it.
        access::run(manager, "DROP POLICY users_own ON users").await?;
        for table in TABLES {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}

/// A person belongs to the platform. A tenant sees those who belong to it, for the policy on
/// memberships filters the inner query, and never the hash of a password.
const PEOPLE_OF_A_TENANT: [&str; 4] = [
    "ALTER TABLE users ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY users_all ON users TO saas_system USING (true) WITH CHECK (true)",
    "CREATE POLICY users_own ON users FOR SELECT TO saas_tenant \
     USING (EXISTS (SELECT FROM memberships m WHERE m.user_id = users.id))",
    "GRANT SELECT (id, email, name, status, last_login_at, created_at) ON users TO saas_tenant",
];

/// A tenant can neither come into being nor vanish by its own hand, nor rewrite its audit log.
const WITHHELD_FROM_A_TENANT: [&str; 2] = [
    "REVOKE INSERT, DELETE ON tenants FROM saas_tenant",
    "REVOKE UPDATE, DELETE ON audit_events FROM saas_tenant",
];

fn id(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).uuid().not_null().take()
}

fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().not_null().take()
}

fn moment(name: &'static str) -> ColumnDef {
    ColumnDef::new(name)
        .timestamp_with_time_zone()
        .not_null()
        .take()
}

fn flag(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).boolean().not_null().take()
}

fn number(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().take()
}

fn bytes(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).blob().not_null().take()
}

fn optional(mut column: ColumnDef) -> ColumnDef {
    column.null().take()
}

fn key(columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    for column in columns {
        index.col(*column);
    }
    index.primary().take()
}

/// A foreign key whose row goes when the row it names goes.
fn belongs_to(
    table: &'static str,
    column: &'static str,
    to: &'static str,
) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("fk_{table}_{column}"))
        .from(table, column)
        .to(to, "id")
        .on_delete(ForeignKeyAction::Cascade)
        .take()
}

fn users() -> TableCreateStatement {
    Table::create()
        .table("users")
        .col(id("id").primary_key())
        // Lower-cased before it is stored: look-ups never depend on how it was typed.
        .col(text("email"))
        .col(text("name"))
        .col(text("password_hash"))
        .col(text("status"))
        .col(flag("is_operator"))
        .col(flag("must_change_password"))
        .col(optional(moment("last_login_at")))
        .col(number("version"))
        .col(moment("created_at"))
        .col(moment("updated_at"))
        .take()
}

fn tenants() -> TableCreateStatement {
    Table::create()
        .table("tenants")
        .col(id("id").primary_key())
        .col(text("name"))
        .col(text("slug"))
        .col(text("status"))
        .col(number("version"))
        .col(moment("created_at"))
        .col(moment("updated_at"))
        .take()
}

fn memberships() -> TableCreateStatement {
    Table::create()
        .table("memberships")
        .col(id("id").primary_key())
        .col(id("tenant_id"))
        .col(id("user_id"))
        .col(text("role"))
        .col(number("version"))
        .col(moment("created_at"))
        .col(moment("updated_at"))
        .foreign_key(&mut belongs_to("memberships", "tenant_id", "tenants"))
        .foreign_key(&mut belongs_to("memberships", "user_id", "users"))
        .take()
}

fn sessions() -> TableCreateStatement {
    Table::create()
        .table("sessions")
        .col(id("id").primary_key())
        .col(id("user_id"))
        .col(optional(id("tenant_id")))
        .col(text("kind"))
        .col(optional(text("user_agent")))
        .col(optional(text("address")))
        .col(moment("created_at"))
        .col(moment("last_used_at"))
        .col(moment("expires_at"))
        // When the last access token of the session ends: until then a revocation must be known.
        .col(moment("token_expires_at"))
        .col(optional(moment("revoked_at")))
        .col(optional(text("revoked_reason")))
        .foreign_key(&mut belongs_to("sessions", "user_id", "users"))
        .take()
}

fn refresh_tokens() -> TableCreateStatement {
    Table::create()
        .table("refresh_tokens")
        // SHA-256 of the token; the token itself is nowhere.
        .col(bytes("digest").primary_key())
        .col(id("session_id"))
        .col(moment("created_at"))
        .col(moment("expires_at"))
        .col(optional(moment("used_at")))
        .col(optional(bytes("used_key")))
        .col(optional(bytes("successor")))
        // The successor itself, encrypted, for the two cases in which it may be told again.
        .col(optional(bytes("successor_sealed")))
        .foreign_key(&mut belongs_to("refresh_tokens", "session_id", "sessions"))
        .take()
}

fn stale_tokens() -> TableCreateStatement {
    Table::create()
        .table("stale_tokens")
        .col(id("user_id"))
        // The nil identifier stands for every tenant and for none.
        .col(id("tenant_id"))
        .col(number("issued_before_ms"))
        .col(moment("until"))
        .primary_key(&mut key(&["user_id", "tenant_id"]))
        .foreign_key(&mut belongs_to("stale_tokens", "user_id", "users"))
        .take()
}

fn signing_keys() -> TableCreateStatement {
    Table::create()
        .table("signing_keys")
        .col(text("kid").primary_key())
        .col(bytes("sealed"))
        .col(text("public_key"))
        .col(moment("created_at"))
        .col(optional(moment("retired_at")))
        .take()
}

fn audit_events() -> TableCreateStatement {
    Table::create()
        .table("audit_events")
        .col(id("id").primary_key())
        // The nil identifier is the platform itself, so there is no foreign key.
        .col(id("tenant_id"))
        .col(moment("at"))
        .col(text("action"))
        .col(optional(id("actor_id")))
        .col(text("object_type"))
        .col(optional(text("object_id")))
        .col(ColumnDef::new("detail").json_binary().not_null())
        .col(optional(text("address")))
        .col(optional(text("request_id")))
        .take()
}

fn idempotency_keys() -> TableCreateStatement {
    Table::create()
        .table("idempotency_keys")
        .col(id("tenant_id"))
        .col(text("scope"))
        .col(bytes("digest"))
        .col(bytes("request"))
        .col(optional(ColumnDef::new("status").small_integer().take()))
        .col(optional(bytes("answer")))
        .col(moment("created_at"))
        .col(moment("expires_at"))
        .primary_key(&mut key(&["tenant_id", "scope", "digest"]))
        .take()
}

fn sign_in_attempts() -> TableCreateStatement {
    Table::create()
        .table("sign_in_attempts")
        // `email:` or `address:` and what it counts for, as a digest: no list of who signs in here.
        .col(text("subject").primary_key())
        .col(moment("window_started_at"))
        .col(number("failures"))
        .take()
}

fn traffic_windows() -> TableCreateStatement {
    Table::create()
        .table("traffic_windows")
        .col(moment("at"))
        .col(text("service"))
        .col(id("incarnation"))
        .col(number("number"))
        .col(number("requests"))
        .col(number("errors"))
        .col(ColumnDef::new("durations").json_binary().not_null())
        .primary_key(&mut key(&["at", "service", "incarnation", "number"]))
        .take()
}

fn indexes() -> Vec<IndexCreateStatement> {
    let index = |name: &'static str, table: &'static str, columns: &[&'static str]| {
        let mut index = Index::create();
        index.name(name).table(table);
        for column in columns {
            index.col(*column);
        }
        index.take()
    };
    vec![
        index("idx_users_email", "users", &["email"])
            .unique()
            .take(),
        index("idx_tenants_slug", "tenants", &["slug"])
            .unique()
            .take(),
        index(
            "idx_memberships_user",
            "memberships",
            &["tenant_id", "user_id"],
        )
        .unique()
        .take(),
        index(
            "idx_memberships_tenants_of_user",
            "memberships",
            &["user_id"],
        ),
        index("idx_sessions_user", "sessions", &["user_id"]),
        index("idx_sessions_revoked", "sessions", &["revoked_at"]),
        index("idx_sessions_expires", "sessions", &["expires_at"]),
        index(
            "idx_refresh_tokens_session",
            "refresh_tokens",
            &["session_id"],
        ),
        index(
            "idx_refresh_tokens_expires",
            "refresh_tokens",
            &["expires_at"],
        ),
        index(
            "idx_audit_events_tenant",
            "audit_events",
            &["tenant_id", "id"],
        ),
        index(
            "idx_idempotency_keys_expires",
            "idempotency_keys",
            &["expires_at"],
        ),
        index(
            "idx_sign_in_attempts_window",
            "sign_in_attempts",
            &["window_started_at"],
        ),
    ]
}
