//! What a server knows of a database that is not in the database itself.

use sqlx::{PgConnection, Row as _};

use super::{
    Programs,
    scratch::{connect, run},
};
use crate::RecoveryError;

/// Statements by which a database, `$2`, gets what another, `$1`, has. Settings that are lists have
/// the form of their statement already, as `pg_dump` knows, too.
const STATEMENTS: &str = "
SELECT format('ALTER DATABASE %I CONNECTION LIMIT %s', $2, datconnlimit)
  FROM pg_database WHERE datname = $1 AND datconnlimit >= 0
UNION ALL
SELECT CASE WHEN setrole = 0 THEN format('ALTER DATABASE %I', $2)
            ELSE format('ALTER ROLE %I IN DATABASE %I', pg_get_userbyid(setrole), $2) END
    || format(' SET %s TO ', split_part(setting, '=', 1))
    || CASE WHEN split_part(setting, '=', 1) IN ('local_preload_libraries', 'search_path',
              'session_preload_libraries', 'shared_preload_libraries', 'temp_tablespaces',
              'unix_socket_directories')
         THEN substr(setting, strpos(setting, '=') + 1)
         ELSE quote_literal(substr(setting, strpos(setting, '=') + 1)) END
  FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase, unnest(setconfig) setting
  WHERE datname = $1
UNION ALL
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', $2)
  FROM pg_database WHERE datname = $1 AND datacl IS NOT NULL
UNION ALL
SELECT format('GRANT %s ON DATABASE %I TO %s', privilege_type, $2,
              CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END)
    || CASE WHEN is_grantable AND grantee <> 0 THEN ' WITH GRANT OPTION' ELSE '' END
  FROM pg_database, aclexplode(datacl)
  WHERE datname = $1 AND grantee <> datdba";

/// Gives `new` the rights, the limit of connections and the settings of `live`, as far as this user
/// may; the statements that it may not run come back, of the name that `new` is to have.
///
/// # Errors
/// [`RecoveryError::Database`] when they cannot be read.
pub(crate) async fn liken(
    server: &Programs,
    live: &str,
    new: &str,
) -> Result<Vec<String>, RecoveryError> {
    let mut connection = connect(server).await?;
    let mut refused = Vec::new();
    let told = statements(&mut connection, live, live).await?;
    let meant = statements(&mut connection, live, new).await?;
    for (statement, told) in meant.into_iter().zip(told) {
        if run(&mut connection, statement).await.is_err() {
            refused.push(told);
        }
    }
    Ok(refused)
}

async fn statements(
    connection: &mut PgConnection,
    live: &str,
    new: &str,
) -> Result<Vec<String>, RecoveryError> {
    let found = sqlx::query(STATEMENTS)
        .bind(live)
        .bind(new)
        .fetch_all(connection)
        .await
        .and_then(|rows| rows.iter().map(|row| row.try_get(0)).collect());
    found.map_err(RecoveryError::Database)
}
