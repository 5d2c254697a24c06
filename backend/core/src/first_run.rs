//! The first administrator.

use saas_config::Settings;
use saas_domain::{EmailAddress, UserId};
use saas_security::{check_strength, one_time_password};
use saas_storage::core::{
    lock,
    users::{self, User, UserStatus},
};

use crate::{
    audit::{
        model::{Action, Entry},
        service as audit,
    },
    refusal::Refusal,
    start::StartError,
    state::Core,
};

/// The administrator that was made because the platform had no operator yet.
#[derive(Clone)]
pub struct FirstRun {
    /// The address to sign in with: `ADMIN_EMAIL`.
    pub email: String,
    /// The password to print once; it must be changed at the first sign-in. `None` if
    /// `ADMIN_PASSWORD` chose one.
    pub one_time_password: Option<String>,
}

impl std::fmt::Debug for FirstRun {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FirstRun")
            .field("email", &self.email)
            .finish_non_exhaustive()
    }
}

/// Makes the administrator if there is no operator, in no tenant. Of several cores that start at
/// once, one does.
pub(crate) async fn ensure_administrator(
    core: &Core,
    settings: &Settings,
) -> Result<Option<FirstRun>, StartError> {
    let tx = core.db.system_read("first_run.look").await?;
    if users::any_operator(&tx).await? {
        return Ok(None);
    }
    drop(tx);
    let email: EmailAddress = settings
        .admin_email
        .parse()
        .map_err(|error| StartError::AdminEmail(Box::new(error)))?;
    let chosen = settings.admin_password.as_ref();
    if let Some(chosen) = chosen {
        check_strength(chosen.expose(), email.as_str()).map_err(StartError::AdminPassword)?;
    }
    let one_time = match chosen {
        Some(_) => None,
        None => Some(one_time_password(&core.random)),
    };
    let password = chosen
        .map(saas_config::Secret::expose)
        .or(one_time.as_deref());
    let hash = hash(core, password.unwrap_or_default()).await;
    let hash = hash.map_err(StartError::from)?;

    let tx = core.db.system("first_run").await?;
    lock::hold(&tx, "operators").await?;
    if users::any_operator(&tx).await? {
        return Ok(None);
    }
    let now = core.clock.now();
    let user = User {
        id: UserId::generate(&core.clock, &core.random),
        name: "Administrator".to_owned(),
        password_hash: hash,
        status: UserStatus::Active,
        is_operator: true,
        must_change_password: one_time.is_some(),
        last_login_at: None,
        version: 1,
        created_at: now,
        updated_at: now,
        email,
    };
    users::insert(&tx, &user).await?;
    let entry = Entry::by_platform(Action::OperatorCreated).on(&user.id);
    audit::write(&tx, entry).await?;
    tx.commit().await?;
    Ok(Some(FirstRun {
        email: user.email.to_string(),
        one_time_password: one_time,
    }))
}

async fn hash(core: &Core, password: &str) -> Result<String, Refusal> {
    core.passwords.sit()?.hash(password).await
}
