//! The two PostgreSQL roles that storage switches to. They belong to the cluster, not to one
//! database, so runs on several databases at once meet here.

use std::{str::FromStr as _, time::Duration};

use sea_orm_migration::sea_orm::sqlx::{error::DatabaseError, postgres::PgConnectOptions};
use sea_orm_migration::sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, RuntimeErr, Statement,
};

use crate::{MigrationError, SYSTEM_ROLE, TENANT_ROLE};

/// How often to try again when another database's run changed the same role at the same moment.
const ATTEMPTS: u32 = 20;

/// Makes sure that both roles exist, can neither log in nor bypass row-level security, and that
/// the login role may switch to them. Does nothing on SQLite.
pub(crate) async fn ensure(connection: &DatabaseConnection) -> Result<(), DbErr> {
    if connection.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let mut attempt = 1;
    for role in [TENANT_ROLE, SYSTEM_ROLE] {
        while let Err(error) = connection.execute_unprepared(&statement(role)).await {
            if attempt == ATTEMPTS || !is_race(&error) {
                return Err(error);
            }
            tokio::time::sleep(Duration::from_millis(u64::from(attempt) * 10)).await;
            attempt += 1;
        }
    }
    Ok(())
}

/// The error for roles that could not be made.
pub(crate) async fn not_made(
    connection: &DatabaseConnection,
    url: &str,
    error: &DbErr,
) -> MigrationError {
    let login = PgConnectOptions::from_str(url).map_or_else(
        |_| "the user in DATABASE_URL".to_owned(),
        |options| quoted(options.get_username()),
    );
    let said = match error {
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
            error.as_database_error().map(DatabaseError::message)
        }
        _ => None,
    };
    let why = said.map_or_else(|| error.to_string(), str::to_owned);
    let mut missing = Vec::new();
    for role in [TENANT_ROLE, SYSTEM_ROLE] {
        match sees_too_much(connection, role).await {
            None => missing.push(format!("CREATE ROLE {role};")),
            Some(true) => {
                missing.push(format!(
                    "ALTER ROLE {role} NOLOGIN NOSUPERUSER NOBYPASSRLS;"
                ));
            }
            Some(false) => {}
        }
    }
    missing.push(format!("GRANT {TENANT_ROLE}, {SYSTEM_ROLE} TO {login};"));
    let remedy = missing.join(" ");
    MigrationError::Roles { remedy, why }
}

/// Whether the role has what it must not have; `None` if it is not there, or the server is gone.
async fn sees_too_much(connection: &DatabaseConnection, role: &str) -> Option<bool> {
    let asked = format!(
        "SELECT rolsuper OR rolbypassrls OR rolcanlogin AS too_much FROM pg_roles \
         WHERE rolname = '{role}'"
    );
    let statement = Statement::from_string(DbBackend::Postgres, asked);
    let found = connection.query_one_raw(statement).await.ok().flatten()?;
    found.try_get("", "too_much").ok()
}

/// A role as SQL takes it.
fn quoted(role: &str) -> String {
    let is_plain = role.starts_with(|first: char| first.is_ascii_lowercase())
        && role
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    if is_plain {
        role.to_owned()
    } else {
        format!("\"{}\"", role.replace('"', "\"\""))
    }
}

/// What makes both roles where they are missing, for `psql`: it stands before the dump in a backup,
/// whose grants name them.
pub fn roles_sql() -> String {
    [TENANT_ROLE, SYSTEM_ROLE]
        .map(|role| statement(role) + ";\n")
        .concat()
}

/// From PostgreSQL 16 on, whoever creates a role administers it but may not switch to it unless
/// granted: hence the two ways to ask.
fn statement(role: &str) -> String {
    format!(
        r"DO $$
DECLARE may_switch boolean;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
    BEGIN
      CREATE ROLE {role} NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}'
             AND (rolsuper OR rolbypassrls OR rolcanlogin)) THEN
    RAISE EXCEPTION 'the role {role} may log in, is a superuser or bypasses row-level security';
  END IF;
  IF current_setting('server_version_num')::int >= 160000 THEN
    may_switch := pg_has_role(current_user, '{role}', 'SET');
  ELSE
    may_switch := pg_has_role(current_user, '{role}', 'MEMBER');
  END IF;
  IF NOT may_switch THEN
    GRANT {role} TO CURRENT_USER;
  END IF;
END $$"
    )
}

/// Whether another session changed the same catalogue row: PostgreSQL reports it as an internal
/// error ("tuple concurrently updated"), a duplicate, or a role that is not yet visible.
fn is_race(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        error
    else {
        return false;
    };
    error
        .as_database_error()
        .and_then(DatabaseError::code)
        .is_some_and(|code| matches!(&*code, "XX000" | "23505" | "42710" | "42704"))
}
