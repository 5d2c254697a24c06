//! Changing the own password.

use saas_security::{WeakPassword, check_strength};
use saas_storage::core::{
    refresh_tokens,
    sessions::{self, RevokeReason},
    users,
};
use saas_web::{Problem, http::StatusCode};

use crate::{
    access::caller::Caller,
    audit::{
        model::{Action, Entry},
        service as audit,
    },
    identity::{
        limits::Attempt,
        model::ChangePasswordRequest,
        tokens::{self, Issued, Principal},
    },
    refusal::Refusal,
    state::Core,
    trust::Subject,
};

/// What is wrong with a new password, at the field it came in.
pub(crate) fn weak(error: WeakPassword, pointer: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "weak_password")
        .detail(error.to_string())
        .error(pointer, error.to_string())
}

/// Changes the caller's password, ends their other sessions and issues new tokens for this one.
pub(crate) async fn change(
    core: &Core,
    caller: &Caller,
    request: ChangePasswordRequest,
) -> Result<Issued, Refusal> {
    let seat = core.passwords.sit()?;
    // Whoever stole an access token must not be able to guess the password with it.
    let tx = core.db.system("identity.password.count").await?;
    let known = users::find(&tx, caller.user()).await?;
    let known = known.ok_or_else(tokens::ended)?;
    let attempt = Attempt::count(&tx, &known.email, caller.origin().address).await?;
    tx.commit().await?;
    let hash = Some(known.password_hash.as_str());
    if !seat.verify(hash, &request.current_password).await? {
        return Err(wrong_current().into());
    }
    check_strength(&request.new_password, known.email.as_str())
        .map_err(|error| weak(error, "/new_password"))?;
    if request.new_password == request.current_password {
        return Err(
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "password_unchanged")
                .detail("the new password is the old one; choose another")
                .error("/new_password", "the same as the old one")
                .into(),
        );
    }
    let hash = seat.hash(&request.new_password).await?;
    drop(seat);

    let tx = core.db.system("identity.password").await?;
    let mut user = tokens::lock_person(&tx, known.id).await?;
    if user.password_hash != known.password_hash {
        return Err(wrong_current().into());
    }
    let now = core.clock.now();
    users::set_password(&tx, user.id, &hash, false, now).await?;
    user.must_change_password = false;
    let this = caller.session();
    let ended = sessions::revoke_all(&tx, user.id, Some(this), RevokeReason::Password, now).await?;
    let session = sessions::find(&tx, this).await?.ok_or_else(tokens::ended)?;
    let (fresh, handed_over) = tokens::successor(core, None, now)?;
    refresh_tokens::supersede(&tx, this, &handed_over).await?;
    let expires_at = now + core.rules.refresh_lifetime;
    refresh_tokens::insert(&tx, &fresh.digest(), this, now, expires_at).await?;
    attempt.succeeded(&tx).await?;
    let tenant = match session.tenant_id {
        Some(tenant) => tokens::place_in(&tx, user.id, tenant).await?,
        None => None,
    };
    let mut subjects = vec![Subject::User(user.id)];
    subjects.extend(ended.into_iter().map(Subject::Session));
    let entry = Entry::by(caller, Action::PasswordChanged).on(&user.id);
    let log = audit::log_of(&tx, &session).await?;
    audit::write(&tx, entry.in_log_of(log)).await?;
    let principal = Principal { user, tenant };
    let issued = tokens::go_on(core, &tx, &principal, &session, fresh.expose(), "password").await?;
    core.commit(tx, &subjects).await?;
    Ok(issued)
}

fn wrong_current() -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "wrong_password")
        .detail("the current password is wrong")
        .error("/current_password", "wrong")
}
