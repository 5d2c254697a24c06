//! Refreshing: a refresh token works once and gives its successor.
//!
//! A second use means that two have the token, and one of them stole it: the whole session ends.
//! Two cases are no theft and get the same successor again, as long as nobody used that one: another
//! tab of the browser a moment later, and a program that repeats a lost call with the same
//! `Idempotency-Key`.

use chrono::Duration;
use saas_security::digest;
use saas_storage::{
    SystemTx,
    core::{
        refresh_tokens::{self, RefreshToken, Used},
        sessions::{self, RevokeReason, Session, SessionKind},
    },
};
use saas_web::Problem;

use crate::{
    access::origin::Origin,
    audit::{
        model::{Action, Entry},
        service as audit,
    },
    identity::{
        cookie::{CsrfToken, check_csrf},
        tokens::{self, Issued, Principal},
    },
    refusal::Refusal,
    state::Core,
    trust::Subject,
};

/// For how long a cookie session forgives the predecessor of its token.
const FORGIVEN_FOR: Duration = Duration::seconds(10);

/// A refresh token as it was presented.
pub(crate) struct Presented {
    pub token: String,
    pub kind: SessionKind,
    pub csrf: CsrfToken,
    /// The `Idempotency-Key` it came with.
    pub key: Option<String>,
}

/// Gives new tokens for a refresh token.
pub(crate) async fn refresh(
    core: &Core,
    origin: &Origin,
    presented: &Presented,
) -> Result<Issued, Refusal> {
    // Whoever loses the race for a token finds it used the second time.
    for _ in 0..2 {
        if let Some(issued) = attempt(core, origin, presented).await? {
            return Ok(issued);
        }
    }
    Err(unknown().into())
}

/// The session that a refresh token belongs to, used or not, if it came the way it should.
pub(crate) async fn session_of(
    core: &Core,
    tx: &SystemTx,
    presented: &Presented,
) -> Result<(RefreshToken, Session), Refusal> {
    let token = refresh_tokens::find(tx, &digest(&presented.token)).await?;
    let token = token.ok_or_else(unknown)?;
    let session = sessions::find(tx, token.session_id).await?;
    let session = session.ok_or_else(unknown)?;
    if session.kind != presented.kind {
        return Err(unknown().into());
    }
    if session.kind == SessionKind::Cookie {
        check_csrf(core, &presented.csrf, session.id)?;
    }
    Ok((token, session))
}

fn unknown() -> Problem {
    Problem::unauthorized(
        "refresh_token_invalid",
        "the refresh token is not valid, or no longer; sign in again",
    )
}

/// `None`: somebody else used the token between reading and using it.
async fn attempt(
    core: &Core,
    origin: &Origin,
    presented: &Presented,
) -> Result<Option<Issued>, Refusal> {
    let tx = core.db.system("identity.refresh").await?;
    let (token, session) = session_of(core, &tx, presented).await?;
    if session.revoked_at.is_some() {
        return Err(tokens::ended().into());
    }
    let now = core.clock.now();
    let Some(used) = token.used else {
        if token.expires_at <= now {
            return Err(unknown().into());
        }
        let principal = principal(&tx, &session).await?;
        let (fresh, handed_over) = tokens::successor(core, presented.key.as_deref(), now)?;
        if !refresh_tokens::use_once(&tx, &digest(&presented.token), &handed_over).await? {
            return Ok(None);
        }
        let expires_at = now + core.rules.refresh_lifetime;
        refresh_tokens::insert(&tx, &fresh.digest(), session.id, now, expires_at).await?;
        let issued =
            tokens::go_on(core, &tx, &principal, &session, fresh.expose(), "refresh").await?;
        tx.commit().await?;
        return Ok(Some(issued));
    };
    if is_forgiven(core, &session, &used, presented)
        && let Some(successor) = refresh_tokens::find(&tx, &used.successor).await?
        && successor.used.is_none()
        && successor.expires_at > now
    {
        let principal = principal(&tx, &session).await?;
        let again = tokens::open_successor(core, &used)?;
        let issued = tokens::go_on(core, &tx, &principal, &session, &again, "refresh").await?;
        tx.commit().await?;
        return Ok(Some(issued));
    }
    end_reused(core, origin, tx, &session).await
}

/// Whether presenting a used token again is no theft.
fn is_forgiven(core: &Core, session: &Session, used: &Used, presented: &Presented) -> bool {
    match session.kind {
        SessionKind::Cookie => core.clock.now() - used.at <= FORGIVEN_FOR,
        SessionKind::Token => {
            let key = presented.key.as_deref().map(digest);
            used.key.is_some() && used.key.as_deref() == key.as_ref().map(<[u8; 32]>::as_slice)
        }
    }
}

async fn principal(tx: &SystemTx, session: &Session) -> Result<Principal, Refusal> {
    let user = tokens::lock_person(tx, session.user_id).await?;
    let tenant = match session.tenant_id {
        Some(tenant) => tokens::place_in(tx, user.id, tenant).await?,
        None => None,
    };
    Ok(Principal { user, tenant })
}

async fn end_reused(
    core: &Core,
    origin: &Origin,
    tx: SystemTx,
    session: &Session,
) -> Result<Option<Issued>, Refusal> {
    let now = core.clock.now();
    if sessions::revoke(&tx, session.id, RevokeReason::Reuse, now).await? {
        let entry = Entry::by_person(session.user_id, origin, Action::RefreshReused);
        let log = audit::log_of(&tx, session).await?;
        audit::write(&tx, entry.in_log_of(log).on(&session.id)).await?;
        core.commit(tx, &[Subject::Session(session.id)]).await?;
    }
    core.metrics.refresh_reuse.inc();
    tracing::warn!(session.id = %session.id, "a refresh token came a second time");
    Err(Problem::unauthorized(
        "refresh_token_reused",
        "this refresh token was used before, so the session was ended; sign in again",
    )
    .into())
}
