//! PostgreSQL keeps tenants apart by itself: raw SQL under the tenant role.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use saas_testkit::TestDatabase;
use support::{Home, Platform};

const TENANT_TABLES: [&str; 6] = [
    "tenants",
    "memberships",
    "invitations",
    "audit_events",
    "idempotency_keys",
    "stale_tokens",
];

fn database(platform: &Platform) -> &TestDatabase {
    match &platform.home {
        Home::Servers { database, .. } => database,
        _ => panic!("only on PostgreSQL"),
    }
}

/// Runs statements as the tenant role, with a tenant or without.
async fn as_tenant(platform: &Platform, tenant: Option<&str>, sql: &str) -> Result<String, String> {
    let tenant = tenant.map_or(String::new(), |id| {
        format!("SET LOCAL saas.tenant_id = '{id}';")
    });
    let script = format!("BEGIN; {tenant} SET LOCAL ROLE saas_tenant; {sql}; ROLLBACK;");
    let rows = database(platform).sql(script).await;
    rows.map_err(|error| format!("{error:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tenant_role_without_a_tenant_sees_no_row() {
    let platform = Platform::start(Home::servers().await).await;
    let amy = platform.owner("amy").await;
    platform.member(&amy, "bob", "member").await;
    platform.invite(&amy, support::ADMIN, "member").await;
    for table in TENANT_TABLES.into_iter().chain(["users (id)"]) {
        let table = table.split(' ').next().unwrap();
        let count = format!("SELECT count(id) FROM (SELECT 1 AS id FROM {table}) AS t");
        let count = if table == "users" {
            "SELECT count(id) FROM users".into()
        } else {
            count
        };
        assert_eq!(
            as_tenant(&platform, None, &count).await.unwrap(),
            "0",
            "{table}"
        );
        let total = database(&platform)
            .sql(format!("SELECT count(*) FROM {table}"))
            .await;
        if !matches!(table, "idempotency_keys" | "stale_tokens") {
            assert_ne!(total.unwrap(), "0", "{table} has rows to be kept apart");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tenant_role_sees_its_own_rows_and_writes_no_others() {
    let platform = Platform::start(Home::servers().await).await;
    let amy = platform.owner("amy").await;
    let eve = platform.owner("eve").await;
    platform.member(&amy, "bob", "member").await;
    let (hers, other) = (amy.text("tenant/id"), eve.text("tenant/id"));
    let see = async |sql: &str| as_tenant(&platform, Some(hers), sql).await;
    assert_eq!(see("SELECT count(*) FROM tenants").await.unwrap(), "1");
    assert_eq!(see("SELECT count(*) FROM memberships").await.unwrap(), "2");
    let people = see("SELECT string_agg(email, ' ' ORDER BY email) FROM users").await;
    assert_eq!(people.unwrap(), "amy@example.com bob@example.com");
    let of_other = format!("SELECT count(*) FROM memberships WHERE tenant_id = '{other}'");
    assert_eq!(see(&of_other).await.unwrap(), "0");
    platform.invite(&amy, "eve@example.com", "member").await;
    platform.invite(&eve, "amy@example.com", "member").await;
    let invited = see("SELECT string_agg(email, ' ') FROM invitations").await;
    assert_eq!(invited.unwrap(), "eve@example.com");
    for refused in [
        "SELECT password_hash FROM users".to_owned(),
        "SELECT * FROM sessions".to_owned(),
        "SELECT * FROM refresh_tokens".to_owned(),
        "SELECT * FROM signing_keys".to_owned(),
        "SELECT * FROM sign_in_attempts".to_owned(),
        "SELECT * FROM changes".to_owned(),
        "UPDATE users SET name = 'x'".to_owned(),
        "DELETE FROM tenants".to_owned(),
        "DELETE FROM audit_events".to_owned(),
        "UPDATE audit_events SET action = 'x'".to_owned(),
        format!(
            "INSERT INTO memberships SELECT gen_random_uuid(), '{other}', user_id, 'owner', 1, now(), now() FROM memberships LIMIT 1"
        ),
        format!("UPDATE memberships SET tenant_id = '{other}'"),
        format!("UPDATE invitations SET tenant_id = '{other}'"),
    ] {
        let error = see(&refused).await;
        let error = error.expect_err(&refused);
        let is_denied = error.contains("permission denied") || error.contains("row-level security");
        assert!(is_denied, "{refused}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_is_gone_makes_core_unready() {
    let platform = Platform::start(Home::servers().await).await;
    platform.owner("amy").await;
    platform.get("/health/ready", "").await.expect(200);
    let off = "ALTER TABLE memberships DISABLE ROW LEVEL SECURITY";
    database(&platform).sql(off).await.unwrap();
    let unready = platform.get("/health/ready", "").await;
    assert_eq!(unready.status, 503, "{}", unready.body);
    platform.get("/health/live", "").await.expect(200);
}
