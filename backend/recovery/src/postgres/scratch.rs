//! Databases beside the live one, and the moment at which one takes its place.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, error::DatabaseError};

use crate::{RecoveryError, postgres::Programs};

/// The database that every server has, to talk about the others from.
const MAINTENANCE: &str = "postgres";

pub(super) async fn connect(server: &Programs) -> Result<PgConnection, RecoveryError> {
    let maintenance = server.of(MAINTENANCE);
    let connected = PgConnection::connect(maintenance.url()).await;
    connected.map_err(RecoveryError::Database)
}

pub(super) async fn run(
    connection: &mut PgConnection,
    statement: String,
) -> Result<(), RecoveryError> {
    // Made of names that were quoted.
    let done = sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(connection)
        .await;
    done.map(drop).map_err(RecoveryError::Database)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Makes an empty database.
///
/// # Errors
/// [`RecoveryError::NoCreateDb`], and [`RecoveryError::Database`] when it is there.
pub(crate) async fn create_database(server: &Programs, name: &str) -> Result<(), RecoveryError> {
    let mut connection = connect(server).await?;
    let name = quoted(name);
    let created = run(
        &mut connection,
        format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"),
    )
    .await;
    match created {
        Err(RecoveryError::Database(error)) if is_forbidden(&error) => {
            let login = sqlx::query_scalar("SELECT quote_ident(current_user)");
            let login = login.fetch_one(&mut connection).await;
            Err(login.map_or_else(RecoveryError::Database, RecoveryError::NoCreateDb))
        }
        created => created,
    }
}

/// 42501, `insufficient_privilege`.
fn is_forbidden(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| code == "42501")
}

/// Removes a database, and whoever is still connected to it.
///
/// # Errors
/// [`RecoveryError::Database`].
pub(crate) async fn drop_database(server: &Programs, name: &str) -> Result<(), RecoveryError> {
    drop_with(&mut connect(server).await?, name).await
}

/// The same over a connection to another database of the server.
///
/// # Errors
/// [`RecoveryError::Database`].
pub(super) async fn drop_with(
    connection: &mut PgConnection,
    name: &str,
) -> Result<(), RecoveryError> {
    let name = quoted(name);
    let statement = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
    run(connection, statement).await
}

/// Lets `new` take the place of `live`, which is called `old` from then on: both or neither, so that
/// at no moment a process finds a half.
///
/// # Errors
/// [`RecoveryError::Database`]; then nothing is called otherwise than before.
pub(crate) async fn switch(
    server: &Programs,
    new: &str,
    live: &str,
    old: &str,
) -> Result<(), RecoveryError> {
    let mut connection = connect(server).await?;
    let [new_name, live_name, old_name] = [new, live, old].map(quoted);
    let renamed = format!(
        "BEGIN; ALTER DATABASE {live_name} RENAME TO {old_name}; \
         ALTER DATABASE {new_name} RENAME TO {live_name}; COMMIT"
    );
    let mut attempt = 1;
    loop {
        // Nothing is set that would outlast this process: from the first renaming on, the server
        // lets nobody in until the end of the transaction, and waits five seconds for who is in.
        let done = tokio::select! {
            done = run(&mut connection, renamed.clone()) => done,
            never = send_away(server, [live, new]) => never,
        };
        match done {
            Err(RecoveryError::Database(error)) if attempt < ATTEMPTS && is_in_use(&error) => {
                run(&mut connection, "ROLLBACK".to_owned()).await?;
                attempt += 1;
            }
            done => return done,
        }
    }
}

/// How often a renaming is tried that others are in the way of.
const ATTEMPTS: u32 = 5;
/// How long until somebody else is looked for; no event tells of it.
const AGAIN: Duration = Duration::from_millis(100);

/// Ends connections to these databases for as long as it is waited for. Where it may not, the
/// renaming says who is there.
async fn send_away(server: &Programs, from: [&str; 2]) -> Result<(), RecoveryError> {
    let mut there = connect(server).await;
    loop {
        if let Ok(connection) = &mut there {
            let ended = sqlx::query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ANY($1)",
            );
            let _ = ended.bind(from).execute(connection).await;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

fn is_in_use(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| code == "55006")
}

/// Gives a database another name, and sends away who is still in it.
///
/// # Errors
/// [`RecoveryError::Database`].
pub(crate) async fn rename(server: &Programs, from: &str, to: &str) -> Result<(), RecoveryError> {
    let mut connection = connect(server).await?;
    let renamed = format!("ALTER DATABASE {} RENAME TO {}", quoted(from), quoted(to));
    // As in `switch`: the server waits five seconds for who is still in.
    tokio::select! {
        done = run(&mut connection, renamed) => done,
        never = send_away(server, [from, to]) => never,
    }
}

/// Runs statements of this crate's on a database, all or none.
///
/// # Errors
/// [`RecoveryError::Database`].
pub(crate) async fn run_on(server: &Programs, statements: &str) -> Result<(), RecoveryError> {
    let connected = PgConnection::connect(server.url()).await;
    let mut connection = connected.map_err(RecoveryError::Database)?;
    // Several at once are one transaction to the server.
    run(&mut connection, statements.to_owned()).await
}

/// How many others are connected to it.
///
/// # Errors
/// [`RecoveryError::Database`].
pub(crate) async fn connected(server: &Programs) -> Result<i64, RecoveryError> {
    let mut connection = connect(server).await?;
    sqlx::query_scalar("SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend'")
        .bind(server.database())
        .fetch_one(&mut connection)
        .await
        .map_err(RecoveryError::Database)
}

/// How many others are connected to it that call themselves so.
///
/// # Errors
/// [`RecoveryError::Database`].
pub(crate) async fn connected_as(server: &Programs, name: &str) -> Result<i64, RecoveryError> {
    let connected = PgConnection::connect(server.url()).await;
    let mut connection = connected.map_err(RecoveryError::Database)?;
    sqlx::query_scalar(
        "SELECT count(*) FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name = $1",
    )
    .bind(name)
    .fetch_one(&mut connection)
    .await
    .map_err(RecoveryError::Database)
}

/// The first column of what a statement of this crate's finds; `None` if there is no such database.
///
/// # Errors
/// [`RecoveryError::Database`].
pub(crate) async fn texts(
    server: &Programs,
    statement: &str,
) -> Result<Option<Vec<String>>, RecoveryError> {
    let mut connection = match PgConnection::connect(server.url()).await {
        Ok(connection) => connection,
        Err(error) if is_missing(&error) => return Ok(None),
        Err(error) => return Err(RecoveryError::Database(error)),
    };
    let texts = sqlx::query_scalar(AssertSqlSafe(statement.to_owned()))
        .fetch_all(&mut connection)
        .await;
    texts.map(Some).map_err(RecoveryError::Database)
}

/// The server's word for a database that is not there.
fn is_missing(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(DatabaseError::code)
        .is_some_and(|code| code == "3D000")
}

/// Whether there is such a database.
///
/// # Errors
/// [`RecoveryError::Database`].
pub(crate) async fn exists(server: &Programs) -> Result<bool, RecoveryError> {
    let mut connection = connect(server).await?;
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(server.database())
        .fetch_one(&mut connection)
        .await
        .map_err(RecoveryError::Database)
}
