//! Accounts that are made for people by others.

use saas_domain::{EmailAddress, UserId};
use saas_security::one_time_password;
use saas_storage::{
    SystemTx,
    core::users::{self, User, UserStatus},
};

use crate::{refusal::Refusal, state::Core};

/// What an account for somebody unknown so far begins with. The password is hashed before the
/// transaction begins: it takes longer than anything in it.
pub(crate) struct Newcomer {
    name: String,
    one_time_password: String,
    password_hash: String,
}

/// A newcomer for the address; `None` if somebody has it.
pub(crate) async fn newcomer(
    core: &Core,
    email: &EmailAddress,
    name: Option<String>,
) -> Result<Option<Newcomer>, Refusal> {
    let tx = core.db.system_read("people.newcomer").await?;
    if users::find_by_email(&tx, email).await?.is_some() {
        return Ok(None);
    }
    drop(tx);
    prepare(core, email, name).await.map(Some)
}

async fn prepare(
    core: &Core,
    email: &EmailAddress,
    name: Option<String>,
) -> Result<Newcomer, Refusal> {
    let one_time_password = one_time_password(&core.random);
    let seat = core.passwords.sit()?;
    let password_hash = seat.hash(&one_time_password).await?;
    let beginning = email.as_str().split('@').next().unwrap_or_default();
    Ok(Newcomer {
        name: name.map_or_else(|| beginning.to_owned(), |name| name.trim().to_owned()),
        one_time_password,
        password_hash,
    })
}

/// The person with the address; a new account with its one-time password if there is none.
pub(crate) async fn find_or_add(
    core: &Core,
    tx: &SystemTx,
    email: &EmailAddress,
    newcomer: Option<Newcomer>,
) -> Result<(UserId, Option<String>), Refusal> {
    if let Some(known) = users::find_by_email(tx, email).await? {
        return Ok((known.id, None));
    }
    let newcomer = match newcomer {
        Some(newcomer) => newcomer,
        // Somebody had the address a moment ago, and was removed since.
        None => prepare(core, email, None).await?,
    };
    let now = core.clock.now();
    let user = User {
        id: UserId::generate(&core.clock, &core.random),
        email: email.clone(),
        name: newcomer.name,
        password_hash: newcomer.password_hash,
        status: UserStatus::Active,
        is_operator: false,
        must_change_password: true,
        last_login_at: None,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    users::insert(tx, &user).await?;
    Ok((user.id, Some(newcomer.one_time_password)))
}
