//! Signing in and out.

use saas_domain::{SessionId, UserId};
use saas_security::needs_rehash;
use saas_storage::{
    SystemTx,
    core::{
        memberships,
        sessions::{self, RevokeReason, SessionKind},
        tenants::TenantStatus,
        users,
    },
};
use saas_telemetry::Kind;
use saas_web::{Problem, http::StatusCode};

use crate::{
    access::origin::Origin,
    audit::{
        model::{Action, Entry},
        service as audit,
    },
    identity::{
        limits::Attempt,
        model::LoginRequest,
        tokens::{self, Issued, Principal},
    },
    refusal::Refusal,
    state::Core,
    trust::Subject,
};

/// Signs a person in.
pub(crate) async fn login(
    core: &Core,
    origin: &Origin,
    kind: SessionKind,
    request: LoginRequest,
) -> Result<Issued, Refusal> {
    let done = attempt(core, origin, kind, request).await;
    let kind = match &done {
        Ok(_) => "success",
        Err(Refusal::Problem(problem)) => match problem.code() {
            "invalid_credentials" => "wrong_password",
            "too_many_requests" => "limited",
            "sign_in_overloaded" => "overloaded",
            _ => "refused",
        },
        Err(_) => "failed",
    };
    core.metrics.sign_ins.get_or_create(&Kind { kind }).inc();
    done
}

async fn attempt(
    core: &Core,
    origin: &Origin,
    kind: SessionKind,
    request: LoginRequest,
) -> Result<Issued, Refusal> {
    if request.otp.is_some() {
        return Err(no_second_factor().into());
    }
    // The place in the queue comes first: a flood ends here, before it costs the database anything.
    let seat = core.passwords.sit()?;
    let tx = core.db.system("identity.login.count").await?;
    let attempt = Attempt::count(&tx, &request.email, origin.address).await?;
    let known = users::find_by_email(&tx, &request.email).await?;
    tx.commit().await?;
    let hash = known.as_ref().map(|user| user.password_hash.as_str());
    let fits = seat.verify(hash, &request.password).await?;
    let Some(known) = known.filter(|_| fits) else {
        return Err(wrong_credentials().into());
    };
    let rehashed = if needs_rehash(&known.password_hash) {
        Some(seat.hash(&request.password).await?)
    } else {
        None
    };
    drop(seat);

    let tx = core.db.system("identity.login").await?;
    let user = tokens::lock_person(&tx, known.id).await?;
    if user.password_hash != known.password_hash {
        return Err(wrong_credentials().into());
    }
    let tenant = match request.tenant_id {
        Some(tenant) => Some(tokens::place_asked_for(&tx, user.id, tenant).await?),
        None => first_place(&tx, user.id).await?,
    };
    let now = core.clock.now();
    if let Some(hash) = rehashed {
        users::set_password(&tx, user.id, &hash, user.must_change_password, now).await?;
    }
    users::note_login(&tx, user.id, now).await?;
    attempt.succeeded(&tx).await?;
    let principal = Principal { user, tenant };
    let (session, issued) = tokens::begin_session(core, &tx, &principal, kind, origin).await?;
    let tenant = principal.tenant.as_ref().map(|(tenant, _)| tenant.id);
    let entry = Entry::by_person(principal.user.id, origin, Action::SessionStarted);
    audit::write(&tx, entry.in_log_of(tenant).on(&session)).await?;
    tx.commit().await?;
    Ok(issued)
}

/// The same words for an unknown address and a wrong password.
pub(crate) fn wrong_credentials() -> Problem {
    Problem::unauthorized(
        "invalid_credentials",
        "the e-mail address or the password is wrong",
    )
}

/// Somebody who sends a code believes that one is asked for. To ignore it would let them believe so.
fn no_second_factor() -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no_second_factor")
        .detail("no account has a second factor yet; sign in without `otp`")
        .error("/otp", "no second factor is set up")
}

/// Where the person acts if they do not say: the first tenant they joined that is served.
async fn first_place(
    tx: &SystemTx,
    user: UserId,
) -> Result<Option<(saas_storage::core::tenants::Tenant, memberships::Membership)>, Refusal> {
    for (membership, tenant) in memberships::of_user(tx, user).await? {
        if tenant.status == TenantStatus::Active {
            return tokens::place_in(tx, user, membership.tenant_id).await;
        }
    }
    Ok(None)
}

/// Ends a session. One that has ended already, or never was, is as good as ended.
pub(crate) async fn logout(
    core: &Core,
    origin: &Origin,
    session: SessionId,
) -> Result<(), Refusal> {
    let tx = core.db.system("identity.logout").await?;
    let now = core.clock.now();
    if !sessions::revoke(&tx, session, RevokeReason::Logout, now).await? {
        return Ok(());
    }
    if let Some(session) = sessions::find(&tx, session).await? {
        let entry = Entry::by_person(session.user_id, origin, Action::SessionEnded);
        let log = audit::log_of(&tx, &session).await?;
        audit::write(&tx, entry.in_log_of(log).on(&session.id)).await?;
    }
    core.commit(tx, &[Subject::Session(session)]).await
}
