//! Issuing tokens: who somebody is at this moment, signed.

use chrono::{DateTime, Utc};
use saas_domain::{
    ACCESS_AUDIENCE, AccessClaims, OPERATOR_ROLE, Permission, SessionId, TenantId, UserId,
};
use saas_security::{OpaqueToken, csrf_token, sign_access};
use saas_storage::{
    SystemTx,
    core::{
        memberships::{self, Membership},
        refresh_tokens::{self, Used},
        sessions::{self, Session, SessionKind, SessionUse},
        tenants::{self, Tenant, TenantStatus},
        users::{self, User, UserStatus},
    },
};
use saas_telemetry::Kind;
use saas_web::Problem;

use super::model::TokenAnswer;
use crate::{access::origin::Origin, refusal::Refusal, state::Core};

/// A person and the tenant they act in, as they are in the transaction that issues their tokens.
/// Neither can change before it ends: a token that tells an old story is then always older than the
/// change that made it so.
pub(crate) struct Principal {
    pub user: User,
    pub tenant: Option<(Tenant, Membership)>,
}

/// Tokens on their way to the caller.
pub(crate) struct Issued {
    /// What the body says, with the refresh token unless it goes into the cookie.
    pub answer: TokenAnswer,
    /// The refresh token for the cookie.
    pub cookie: Option<String>,
}

/// The person, locked; a 403 if they may not sign in.
pub(crate) async fn lock_person(tx: &SystemTx, id: UserId) -> Result<User, Refusal> {
    let user = users::lock(tx, id).await?.ok_or_else(|| {
        Problem::unauthorized("session_ended", "this account does not exist any more")
    })?;
    match user.status {
        UserStatus::Active => Ok(user),
        UserStatus::Pending => Err(Problem::forbidden(
            "account_pending",
            "the operator of the platform has not activated this account yet",
        )
        .into()),
        UserStatus::Disabled => Err(Problem::forbidden(
            "account_disabled",
            "this account is disabled; ask the operator of the platform",
        )
        .into()),
    }
}

/// The person's place in the tenant, if they belong to it and it is served.
pub(crate) async fn place_in(
    tx: &SystemTx,
    user: UserId,
    tenant: TenantId,
) -> Result<Option<(Tenant, Membership)>, Refusal> {
    let Some(membership) = memberships::lock_of_user_in(tx, user, tenant).await? else {
        return Ok(None);
    };
    let tenant = tenants::find(tx, tenant).await?;
    let active = tenant.filter(|tenant| tenant.status == TenantStatus::Active);
    Ok(active.map(|tenant| (tenant, membership)))
}

/// The person's place in a tenant they asked for; a 404 if they do not belong there.
pub(crate) async fn place_asked_for(
    tx: &SystemTx,
    user: UserId,
    tenant: TenantId,
) -> Result<(Tenant, Membership), Refusal> {
    if let Some(place) = place_in(tx, user, tenant).await? {
        return Ok(place);
    }
    let belongs = memberships::of_user_in(tx, user, tenant).await?.is_some();
    Err(if belongs {
        Problem::forbidden("tenant_suspended", "this tenant is suspended").into()
    } else {
        Problem::not_found("you belong to no tenant with this identifier").into()
    })
}

/// Begins a session and issues its first tokens.
pub(crate) async fn begin_session(
    core: &Core,
    tx: &SystemTx,
    principal: &Principal,
    kind: SessionKind,
    origin: &Origin,
) -> Result<(SessionId, Issued), Refusal> {
    let now = core.clock.now();
    let id = SessionId::generate(&core.clock, &core.random);
    let session = Session {
        id,
        user_id: principal.user.id,
        tenant_id: principal.tenant.as_ref().map(|(tenant, _)| tenant.id),
        kind,
        user_agent: origin.user_agent.clone(),
        address: Some(origin.address.to_string()),
        created_at: now,
        last_used_at: now,
        expires_at: now + core.rules.refresh_lifetime,
        token_expires_at: now + core.rules.access_lifetime,
        revoked_at: None,
    };
    sessions::insert(tx, &session).await?;
    let token = OpaqueToken::generate("rt_", &core.random);
    refresh_tokens::insert(tx, &token.digest(), id, now, session.expires_at).await?;
    let issued = compose(core, principal, &session, token.expose(), "login", now)?;
    Ok((id, issued))
}

/// A new refresh token, and what the one before it has to remember of it.
pub(crate) fn successor(
    core: &Core,
    key: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(OpaqueToken, Used), Refusal> {
    let token = OpaqueToken::generate("rt_", &core.random);
    let digest = token.digest();
    let sealed = core.envelope.seal(
        token.expose().as_bytes(),
        &successor_context(&digest),
        &core.random,
    )?;
    let used = Used {
        at: now,
        key: key.map(|key| saas_security::digest(key).to_vec()),
        successor: digest.to_vec(),
        successor_sealed: sealed,
    };
    Ok((token, used))
}

/// Opens what [`successor`] sealed.
pub(crate) fn open_successor(core: &Core, used: &Used) -> Result<String, Refusal> {
    let context = successor_context(&used.successor);
    let plain = core.envelope.open(&used.successor_sealed, &context)?;
    String::from_utf8(plain).map_err(|error| Refusal::Internal(error.into()))
}

fn successor_context(digest: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut context = String::from("refresh_tokens.successor_sealed/");
    for byte in digest {
        let _ = write!(context, "{byte:02x}");
    }
    context
}

/// Notes in the session that tokens are issued, and composes them around a refresh token; a 401 if
/// the session was ended meanwhile.
pub(crate) async fn go_on(
    core: &Core,
    tx: &SystemTx,
    principal: &Principal,
    session: &Session,
    refresh_token: &str,
    occasion: &'static str,
) -> Result<Issued, Refusal> {
    let now = core.clock.now();
    let session_use = SessionUse {
        tenant_id: session.tenant_id,
        expires_at: now + core.rules.refresh_lifetime,
        token_expires_at: now + core.rules.access_lifetime,
        at: now,
    };
    if !sessions::note_use(tx, session.id, session_use).await? {
        return Err(ended().into());
    }
    compose(core, principal, session, refresh_token, occasion, now)
}

/// The session is over.
pub(crate) fn ended() -> Problem {
    Problem::unauthorized("session_ended", "this session has ended; sign in again")
}

fn compose(
    core: &Core,
    principal: &Principal,
    session: &Session,
    refresh_token: &str,
    occasion: &'static str,
    now: DateTime<Utc>,
) -> Result<Issued, Refusal> {
    let claims = claims(core, principal, session.id, now);
    core.metrics
        .tokens_issued
        .get_or_create(&Kind { kind: occasion })
        .inc();
    let access_token = sign_access(&claims, &core.signing_key.load())?;
    let is_cookie = session.kind == SessionKind::Cookie;
    let refresh_token = refresh_token.to_owned();
    let (in_body, cookie) = if is_cookie {
        (None, Some(refresh_token))
    } else {
        (Some(refresh_token), None)
    };
    let answer = TokenAnswer {
        access_token,
        token_type: "Bearer",
        expires_in: claims.exp - claims.iat,
        refresh_token: in_body,
        csrf_token: is_cookie.then(|| csrf_token(&core.root, session.id)),
        user: (&principal.user).into(),
        tenant: principal.tenant.as_ref().map(|(tenant, _)| tenant.into()),
    };
    Ok(Issued { answer, cookie })
}

fn claims(
    core: &Core,
    principal: &Principal,
    session: SessionId,
    now: DateTime<Utc>,
) -> AccessClaims {
    let mut roles = Vec::new();
    let mut permissions: Vec<Permission> = Vec::new();
    if let Some((_, membership)) = &principal.tenant {
        roles.push(membership.role.to_string());
        permissions.extend(membership.role.permissions());
    }
    if principal.user.is_operator {
        roles.push(OPERATOR_ROLE.to_owned());
        permissions.extend(Permission::of_operator());
    }
    let iat = now.timestamp();
    let lifetime = i64::try_from(core.rules.access_lifetime.as_secs()).unwrap_or(i64::MAX);
    AccessClaims {
        iss: core.rules.public_url.clone(),
        aud: ACCESS_AUDIENCE.to_owned(),
        sub: principal.user.id,
        sid: session,
        tid: principal.tenant.as_ref().map(|(tenant, _)| tenant.id),
        roles,
        permissions: permissions.iter().map(ToString::to_string).collect(),
        plan: None,
        iat,
        iat_ms: now.timestamp_millis(),
        exp: iat.saturating_add(lifetime),
        jti: format!("{:032x}", u128::from_be_bytes(core.random.bytes())),
        restricted: principal.user.must_change_password,
    }
}
