//! A one-time password in place of one that is lost, and the end of every session begun with that.

use std::time::Duration;

use saas_domain::{EmailAddress, UserId};
use saas_security::{PasswordError, hash_password, one_time_password};
use saas_storage::{
    ChangeStream, Database, StorageError, SystemTx,
    core::{sessions::RevokeReason, users},
};
use saas_web::Problem;
use serde_json::json;

use super::{
    model::PasswordReset,
    service::{shut_out, unknown},
};
use crate::{
    access::caller::Caller,
    audit::{
        model::{Action, Entry},
        service as audit,
    },
    refusal::Refusal,
    state::Core,
    trust::Subject,
};

/// Why [`reset_password`] did not happen.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// Nobody has an account with the address.
    #[error("there is nobody with the address {0}")]
    Nobody(EmailAddress),
    /// The database did not do its part.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The new password could not be hashed.
    #[error(transparent)]
    Password(#[from] PasswordError),
}

/// For the operator of the machine, on the database itself: gives the person with the address a
/// one-time password, which is returned, and ends their sessions. Cores that run over the same
/// PostgreSQL hear of it as of any other change. `access_lifetime` is that of access tokens, the
/// last of which are refused for as long.
///
/// # Errors
/// See [`ResetError`].
pub async fn reset_password(
    db: &Database,
    access_lifetime: Duration,
    email: &EmailAddress,
) -> Result<String, ResetError> {
    let one_time_password = one_time_password(db.random());
    let hash = hash_password(&one_time_password, db.random())?;
    let tx = db.system("people.reset_password").await?;
    let user = users::find_by_email(&tx, email).await?;
    let user = user.ok_or_else(|| ResetError::Nobody(email.clone()))?;
    let subjects = replace(&tx, user.id, &hash, access_lifetime, by_command()).await?;
    let subjects: Vec<String> = subjects.iter().map(Subject::to_string).collect();
    tx.commit_with_changes(ChangeStream::Trust, &subjects)
        .await?;
    Ok(one_time_password)
}

/// The same, by the core that runs.
pub(crate) async fn for_machine(
    core: &Core,
    email: &EmailAddress,
) -> Result<PasswordReset, Refusal> {
    let nobody = || Problem::not_found(ResetError::Nobody(email.clone()).to_string());
    let (one_time_password, hash) = fresh(core).await?;
    let tx = core.db.system("people.reset_password").await?;
    let user = users::find_by_email(&tx, email).await?.ok_or_else(nobody)?;
    let lifetime = core.rules.access_lifetime;
    let subjects = replace(&tx, user.id, &hash, lifetime, by_command()).await?;
    core.commit(tx, &subjects).await?;
    Ok(PasswordReset { one_time_password })
}

/// The same, for an operator of the platform.
pub(crate) async fn for_operator(
    core: &Core,
    caller: &Caller,
    id: UserId,
) -> Result<PasswordReset, Refusal> {
    let (one_time_password, hash) = fresh(core).await?;
    let tx = core.db.system("people.reset_password").await?;
    users::find(&tx, id).await?.ok_or_else(unknown)?;
    let entry = Entry::by(caller, Action::UserPasswordReset);
    let subjects = replace(&tx, id, &hash, core.rules.access_lifetime, entry).await?;
    core.commit(tx, &subjects).await?;
    Ok(PasswordReset { one_time_password })
}

/// A password and its hash, which takes longer than anything in the transaction after it.
async fn fresh(core: &Core) -> Result<(String, String), Refusal> {
    let password = one_time_password(&core.random);
    let hash = core.passwords.sit()?.hash(&password).await?;
    Ok((password, hash))
}

/// Nobody signed in for it: the log names the command.
fn by_command() -> Entry {
    let entry = Entry::by_platform(Action::UserPasswordReset);
    entry.detail(json!({"by": "saas user reset-password"}))
}

/// Returns what the gateways and the other cores must hear of.
async fn replace(
    tx: &SystemTx,
    id: UserId,
    hash: &str,
    access_lifetime: Duration,
    entry: Entry,
) -> Result<Vec<Subject>, StorageError> {
    // A sign-in holds the row until its session is there, and is ended with the others.
    users::lock(tx, id).await?.ok_or(StorageError::NotFound)?;
    users::set_password(tx, id, hash, true, tx.clock().now()).await?;
    let mut subjects = shut_out(tx, id, RevokeReason::Password, access_lifetime).await?;
    subjects.push(Subject::User(id));
    audit::write(tx, entry.on(&id)).await?;
    Ok(subjects)
}
