//! What an operator does with people.

use chrono::Duration;
use saas_domain::UserId;
use saas_storage::{
    StorageError, SystemTx,
    core::{
        Place, lock,
        sessions::{self, RevokeReason},
        stale_tokens::{self, StaleTokens},
        users::{self, User, UserFilter, UserStatus},
    },
};
use saas_web::{ETag, IfMatch, Problem};

use super::model::Person;
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

pub(super) fn unknown() -> Problem {
    Problem::not_found("there is nobody with this identifier")
}

/// Everybody.
pub(crate) async fn list(
    core: &Core,
    filter: &UserFilter,
    place: Place<UserId>,
) -> Result<Vec<Person>, Refusal> {
    let tx = core.db.system_read("people.list").await?;
    let found = users::list(&tx, filter, place).await?;
    Ok(found.into_iter().map(Person::from).collect())
}

/// A person.
pub(crate) async fn get(core: &Core, id: UserId) -> Result<Person, Refusal> {
    let tx = core.db.system_read("people.get").await?;
    let user = users::find(&tx, id).await?.ok_or_else(unknown)?;
    Ok(user.into())
}

/// Shuts a person out, at once: their sessions end and their tokens are refused.
pub(crate) async fn disable(
    core: &Core,
    caller: &Caller,
    id: UserId,
    if_match: &IfMatch,
) -> Result<Person, Refusal> {
    if id == caller.user() {
        return Err(Problem::conflict(
            "own_account",
            "you cannot disable yourself; ask another operator",
        )
        .into());
    }
    let tx = core.db.system("people.disable").await?;
    // Two operators who disable each other must not leave the platform without any.
    lock::hold(&tx, "operators").await?;
    let before = users::lock(&tx, id).await?.ok_or_else(unknown)?;
    if_match.check(&ETag::version(before.version))?;
    if before.status == UserStatus::Disabled {
        return Ok(before.into());
    }
    let is_active_operator = before.is_operator && before.status == UserStatus::Active;
    if is_active_operator && users::active_operators(&tx).await? <= 1 {
        return Err(
            Problem::conflict("last_operator", "the platform keeps at least one operator").into(),
        );
    }
    let after = set_status(core, &tx, before, UserStatus::Disabled).await?;
    let lifetime = core.rules.access_lifetime;
    let mut subjects = shut_out(&tx, id, RevokeReason::Disabled, lifetime).await?;
    subjects.push(Subject::User(id));
    audit::write(&tx, Entry::by(caller, Action::UserDisabled).on(&id)).await?;
    core.commit(tx, &subjects).await?;
    Ok(after.into())
}

/// Lets a person in who was disabled, or who signed up and waits.
pub(crate) async fn enable(
    core: &Core,
    caller: &Caller,
    id: UserId,
    if_match: &IfMatch,
) -> Result<Person, Refusal> {
    let tx = core.db.system("people.enable").await?;
    let before = users::lock(&tx, id).await?.ok_or_else(unknown)?;
    if_match.check(&ETag::version(before.version))?;
    if before.status == UserStatus::Active {
        return Ok(before.into());
    }
    let after = set_status(core, &tx, before, UserStatus::Active).await?;
    audit::write(&tx, Entry::by(caller, Action::UserEnabled).on(&id)).await?;
    core.commit(tx, &[Subject::User(id)]).await?;
    Ok(after.into())
}

async fn set_status(
    core: &Core,
    tx: &SystemTx,
    before: User,
    status: UserStatus,
) -> Result<User, Refusal> {
    let now = core.clock.now();
    // The row is locked and its version was read under the lock.
    users::set_status(tx, before.id, before.version, status, now).await?;
    Ok(User {
        status,
        version: before.version + 1,
        updated_at: now,
        ..before
    })
}

/// Ends all sessions of a person and makes every token stale that was issued up to now.
pub(super) async fn shut_out(
    tx: &SystemTx,
    id: UserId,
    reason: RevokeReason,
    access_lifetime: std::time::Duration,
) -> Result<Vec<Subject>, StorageError> {
    let now = tx.clock().now();
    let ended = sessions::revoke_all(tx, id, None, reason, now).await?;
    let lifetime = Duration::from_std(access_lifetime).unwrap_or(Duration::MAX);
    let stale = StaleTokens {
        user_id: id,
        tenant_id: None,
        issued_before_ms: now.timestamp_millis() + 1,
        until: now + lifetime + Duration::seconds(1),
    };
    stale_tokens::mark(tx, &stale).await?;
    let mut subjects = vec![Subject::Stale(id, None)];
    subjects.extend(ended.into_iter().map(Subject::Session));
    Ok(subjects)
}
