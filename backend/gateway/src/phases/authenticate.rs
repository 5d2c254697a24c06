//! Whose request it is: by bearer token, never by cookie.

use std::rc::Rc;

use http::header;
use saas_registry_client::{Standing, TrustTable, wire::Access};
use saas_security::TokenError;

use super::{Client, Desk, Principal, Refusal, RequestView};
use crate::{
    network::is_near,
    table::{Rule, ServiceEntry},
};

/// Longer tokens are refused before any work.
const LONGEST_TOKEN: usize = 8192;

/// Finds out who is asking. On a public route a token that does not hold is no token: a client
/// whose token has just expired must still be able to refresh it.
pub(super) fn authenticate<V: RequestView>(
    view: &V,
    desk: &Desk<'_>,
    rule: &Rule,
    access: Access,
    service: &ServiceEntry,
    client: Client,
) -> Result<Option<Rc<Principal>>, Refusal> {
    let has_token = view.header(&header::AUTHORIZATION).is_some();
    let is_sign_in = service.kind.is_platform() && access == Access::Public;
    if has_token || is_sign_in {
        refuse_open_air(desk, client)?;
    }
    let token = bearer(view);
    if access == Access::Public {
        let principal = token.and_then(|token| verify(token, desk, client).ok());
        return Ok(principal.filter(|principal| {
            let standing = desk
                .trust
                .map(|t| principal.standing(t, desk.trust_version));
            standing == Some(Standing::Good) && !principal.claims.restricted
        }));
    }
    let Some(token) = token else {
        return Err(Refusal::no_token());
    };
    // By the clock that counts suspension, on each request: a machine that woke up knows nothing.
    if (service.kind.is_platform() || rule.is_strict) && !(desk.trust_is_fresh)() {
        return Err(Refusal::trust_stale());
    }
    let principal = verify(token, desk, client)?;
    match principal.standing(trust(desk)?, desk.trust_version) {
        // A suspended tenant is the next phase's concern.
        Standing::Good | Standing::TenantSuspended => Ok(Some(principal)),
        Standing::SessionRevoked => Err(Refusal::invalid_token(
            "session_ended",
            "this session was ended; sign in again",
        )),
        Standing::Stale => Err(Refusal::invalid_token(
            "token_stale",
            "your rights have changed since this token was issued; refresh it",
        )),
    }
}

/// Credentials that crossed the open Internet without TLS are as good as published.
fn refuse_open_air(desk: &Desk<'_>, client: Client) -> Result<(), Refusal> {
    if desk.policy.is_production && !client.is_secure && !is_near(client.address) {
        return Err(Refusal::forbidden(
            "https_required",
            "credentials are accepted over HTTPS only; behind a proxy that ends TLS, set TRUSTED_PROXIES to its address",
        ));
    }
    Ok(())
}

/// The token of `Authorization: Bearer …`; other schemes count as none.
fn bearer<V: RequestView>(view: &V) -> Option<&[u8]> {
    let value = view.header(&header::AUTHORIZATION)?;
    let (scheme, token) = value.split_at_checked(7)?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"bearer ") && !token.is_empty()).then_some(token)
}

fn trust<'a>(desk: &Desk<'a>) -> Result<&'a TrustTable, Refusal> {
    desk.trust.ok_or_else(|| {
        Refusal::unavailable(
            "not_ready",
            1,
            "the gateway has not heard from core yet, so no token can be verified; try again",
        )
    })
}

/// The principal of a token that is sound and not expired, from the cache or by its signature.
fn verify(token: &[u8], desk: &Desk<'_>, client: Client) -> Result<Rc<Principal>, Refusal> {
    let trust = trust(desk)?;
    desk.tokens.follow_keys(trust.key_generation());
    if let Some(principal) = desk.tokens.get(token) {
        desk.tokens.note_hit();
        return if principal.is_expired(desk.now) {
            Err(refused(&TokenError::Expired))
        } else {
            Ok(principal)
        };
    }
    let buckets = desk.addresses.get(client.address, desk.limiter);
    if !buckets.may_verify(desk.ticks) {
        return Err(Refusal::too_many(
            "too_many_invalid_tokens",
            2,
            "too many invalid tokens came from this address; wait, then send a valid one",
        ));
    }
    desk.tokens.note_miss();
    let text = std::str::from_utf8(token).ok();
    let text = text.filter(|text| text.len() <= LONGEST_TOKEN);
    let verified = text
        .ok_or(TokenError::Malformed(None))
        .and_then(|text| trust.verify(text, desk.now));
    match verified {
        Ok(claims) => {
            let principal = Rc::new(Principal::new(claims));
            desk.tokens.insert(token, Rc::clone(&principal));
            Ok(principal)
        }
        Err(error) => {
            buckets.note_invalid(desk.ticks);
            Err(refused(&error))
        }
    }
}

fn refused(error: &TokenError) -> Refusal {
    match error {
        TokenError::Expired => Refusal::invalid_token(
            "token_expired",
            "the access token has expired; refresh it at /api/core/v1/auth/refresh",
        ),
        other => Refusal::invalid_token("token_invalid", other.to_string()),
    }
}
