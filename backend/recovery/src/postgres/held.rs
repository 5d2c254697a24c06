//! Which databases beside the live one belong to a process that lives.

use sqlx::{Connection as _, PgConnection};

use super::{
    Programs,
    scratch::{connect, drop_with},
};
use crate::RecoveryError;

/// Says of a database that its process lives: a lock that the server gives up when the connection
/// ends, however it ends.
pub(crate) struct Held(PgConnection);

impl Held {
    /// Holds the database of this name, which need not be there yet; `None` if another one does.
    ///
    /// # Errors
    /// [`RecoveryError::Database`].
    pub(crate) async fn take(server: &Programs, name: &str) -> Result<Option<Self>, RecoveryError> {
        let mut connection = connect(server).await?;
        let is_held = try_hold(&mut connection, name).await?;
        Ok(is_held.then_some(Self(connection)))
    }

    pub(crate) async fn release(self) {
        let _ = self.0.close().await;
    }
}

/// Removes every database whose name `is_ours` and that nobody holds.
///
/// # Errors
/// [`RecoveryError::Database`].
pub(crate) async fn drop_abandoned(
    server: &Programs,
    is_ours: impl Fn(&str) -> bool,
) -> Result<(), RecoveryError> {
    let mut connection = connect(server).await?;
    let names: Vec<String> = sqlx::query_scalar("SELECT datname FROM pg_database")
        .fetch_all(&mut connection)
        .await
        .map_err(RecoveryError::Database)?;
    for name in names.iter().filter(|name| is_ours(name)) {
        if try_hold(&mut connection, name).await? {
            drop_with(&mut connection, name).await?;
        }
    }
    // The locks end with the connection.
    let _ = connection.close().await;
    Ok(())
}

/// Until the connection ends; false if another one holds it.
async fn try_hold(connection: &mut PgConnection, name: &str) -> Result<bool, RecoveryError> {
    sqlx::query_scalar("SELECT pg_try_advisory_lock(hashtextextended($1, 0))")
        .bind(name)
        .fetch_one(connection)
        .await
        .map_err(RecoveryError::Database)
}
