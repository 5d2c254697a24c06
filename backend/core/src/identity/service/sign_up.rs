//! Signing up: a person opens an account and a tenant.
//!
//! In development the account can be used at once. In production nobody has verified the address, so
//! the account waits for an operator (`POST /v1/users/{id}/enable`), and the answer is the same
//! whether the address was free or not.

use saas_domain::{MembershipId, Role, UserId};
use saas_security::check_strength;
use saas_storage::core::{
    memberships::{self, Membership},
    users::{self, User, UserStatus},
};
use saas_web::Problem;

use super::password::weak;
use crate::{
    access::origin::Origin,
    audit::{
        model::{Action, Entry},
        service as audit,
    },
    idempotency::{Created, RequestKey},
    identity::{
        limits,
        model::{SignUpRequest, SignedUp},
    },
    refusal::Refusal,
    state::Core,
    tenancy::service::new_tenant,
};

/// Opens an account and a tenant.
pub(crate) async fn sign_up(
    core: &Core,
    origin: &Origin,
    request: SignUpRequest,
    key: RequestKey,
) -> Result<Created, Refusal> {
    if !core.rules.signup_open {
        return Err(Problem::forbidden(
            "signup_closed",
            "accounts are opened by the operator of this platform",
        )
        .into());
    }
    check_strength(&request.password, request.email.as_str())
        .map_err(|error| weak(error, "/password"))?;
    let seat = core.passwords.sit()?;
    let tx = core.db.system("identity.sign_up.count").await?;
    limits::count_sign_up(&tx, origin.address).await?;
    tx.commit().await?;
    // Hashed whether the address is free or not: both take the same time.
    let password_hash = seat.hash(&request.password).await?;
    drop(seat);

    let once = key.of_stranger(request.email.as_str());
    let tx = core.db.system("identity.sign_up").await?;
    if let Some(earlier) = once.earlier(core, &tx).await? {
        return Ok(earlier);
    }
    let is_taken = users::find_by_email(&tx, &request.email).await?.is_some();
    if is_taken && core.rules.production {
        // Kept like the other: what the same key does a second time must not tell them apart.
        let answer = Created::accepted();
        once.keep(core, &tx, &answer).await?;
        tx.commit().await?;
        return Ok(answer);
    }
    if is_taken {
        return Err(Problem::conflict(
            "email_taken",
            "somebody has signed up with this e-mail address; sign in instead",
        )
        .error("/email", "taken")
        .into());
    }
    let now = core.clock.now();
    let user = User {
        id: UserId::generate(&core.clock, &core.random),
        email: request.email,
        name: request.name.trim().to_owned(),
        password_hash,
        status: if core.rules.production {
            UserStatus::Pending
        } else {
            UserStatus::Active
        },
        is_operator: false,
        must_change_password: false,
        last_login_at: None,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    users::insert(&tx, &user).await?;
    let tenant = new_tenant(core, &tx, &request.tenant_name, None).await?;
    let membership = Membership {
        id: MembershipId::generate(&core.clock, &core.random),
        tenant_id: tenant.id,
        user_id: user.id,
        role: Role::Owner,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    memberships::insert(&tx, &membership).await?;
    let entry = Entry::by_person(user.id, origin, Action::SignedUp).on(&user.id);
    audit::write(&tx, entry.in_log_of(Some(tenant.id))).await?;
    let answer = if core.rules.production {
        Created::accepted()
    } else {
        Created::new(&SignedUp {
            user: (&user).into(),
            tenant: (&tenant).into(),
        })?
    };
    once.keep(core, &tx, &answer).await?;
    tx.commit().await?;
    Ok(answer)
}
