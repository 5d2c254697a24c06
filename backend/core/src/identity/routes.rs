//! Signing in, up and out.

use axum::{
    extract::{FromRequestParts as _, Request, State},
    response::{IntoResponse, Response},
};
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, SET_COOKIE},
};
use saas_domain::SessionId;
use saas_storage::core::sessions::SessionKind;
use saas_web::{
    ApiJson, IdempotencyKey, Problem, bearer_token, parse_json, read_body, require_json,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    cookie::{self, CsrfToken, Mode, RefreshCookie},
    model::{LoginRequest, RefreshRequest, SignUpRequest, SignedUp, TokenAnswer},
    service::{
        login,
        refresh::{self, Presented},
        sign_up,
    },
    tokens::Issued,
};
use crate::{
    access::{caller, origin::Origin},
    idempotency::{Created, Creation},
    refusal::Refusal,
    state::Core,
};

pub(crate) fn described() -> OpenApiRouter<Core> {
    OpenApiRouter::new()
        .routes(routes!(log_in))
        .routes(routes!(refresh_tokens))
        .routes(routes!(log_out))
        .routes(routes!(sign_up_person))
}

/// The answer with the tokens, never kept by anything on the way.
pub(super) fn answer(core: &Core, issued: Issued) -> Result<Response, Problem> {
    let mut response = ApiJson(issued.answer).into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(token) = issued.cookie {
        headers.insert(SET_COOKIE, cookie::set(core, &token)?);
    }
    Ok(response)
}

/// Sign in.
///
/// After 10 failures for an e-mail address or 100 from a network address within 15 minutes the
/// answer is 429. The token of somebody who must change their password opens nothing but that.
#[utoipa::path(
    post,
    path = "/v1/auth/login",
    tag = "identity",
    operation_id = "login",
    params(("X-Saas-Session" = Option<String>, Header,
        description = "`cookie`: the refresh token goes into a cookie; for pages of the console alone.")),
    request_body = LoginRequest,
    responses((status = 200, body = TokenAnswer))
)]
async fn log_in(
    State(core): State<Core>,
    origin: Origin,
    Mode(kind): Mode,
    ApiJson(request): ApiJson<LoginRequest>,
) -> Result<Response, Refusal> {
    let issued = login::login(&core, &origin, kind, request).await?;
    Ok(answer(&core, issued)?)
}

/// New tokens for a refresh token.
///
/// A refresh token works once; a second use ends the session. A program that lost the answer may
/// repeat the call with the same `Idempotency-Key`.
#[utoipa::path(
    post,
    path = "/v1/auth/refresh",
    tag = "identity",
    operation_id = "refresh",
    params(
        ("X-Saas-Session" = Option<String>, Header,
            description = "`cookie`: the refresh token is in the cookie; for pages of the console alone."),
        ("X-CSRF-Token" = Option<String>, Header,
            description = "The `csrf_token` of the last answer; needed with the cookie."),
        ("Idempotency-Key" = Option<String>, Header,
            description = "The caller's name for this call, to repeat it safely.")
    ),
    request_body = Option<RefreshRequest>,
    responses((status = 200, body = TokenAnswer))
)]
async fn refresh_tokens(State(core): State<Core>, request: Request) -> Result<Response, Refusal> {
    let (origin, presented) = presented(&core, request).await?;
    let is_cookie = presented.kind == SessionKind::Cookie;
    let presented = presented.token.map(|token| Presented {
        token,
        kind: presented.kind,
        csrf: presented.csrf,
        key: presented.key,
    });
    let Some(presented) = presented else {
        let detail = if is_cookie {
            "there is no session in this browser; sign in"
        } else {
            "send the `refresh_token` of the last answer"
        };
        return Err(Problem::unauthorized("refresh_token_required", detail).into());
    };
    match refresh::refresh(&core, &origin, &presented).await {
        Ok(issued) => Ok(answer(&core, issued)?),
        Err(refusal) => {
            let problem = Problem::from(refusal);
            // A cookie that will never work again is better forgotten.
            if is_cookie && problem.status() == StatusCode::UNAUTHORIZED {
                return Err(problem.header(SET_COOKIE, cookie::clear(&core)?).into());
            }
            Err(problem.into())
        }
    }
}

/// What a call that brings a refresh token consists of.
struct Call {
    token: Option<String>,
    kind: SessionKind,
    csrf: CsrfToken,
    key: Option<String>,
    bearer: Option<SessionId>,
}

async fn presented(core: &Core, request: Request) -> Result<(Origin, Call), Problem> {
    let (mut parts, body) = request.into_parts();
    let Mode(kind) = Mode::from_request_parts(&mut parts, core).await?;
    let Ok(RefreshCookie(in_cookie)) = RefreshCookie::from_request_parts(&mut parts, core).await;
    let Ok(csrf) = CsrfToken::from_request_parts(&mut parts, core).await;
    let IdempotencyKey(key) = IdempotencyKey::from_request_parts(&mut parts, core).await?;
    let bearer = bearer_token(&parts.headers).map(|token| caller::verify(core, token));
    let origin = Origin::of(&parts, core);
    let is_json = require_json(&parts.headers);
    let body = read_body(Request::from_parts(parts, body)).await?;
    // With a cookie, or to end the session of a bearer token, there need be no body.
    let in_body = if body.is_empty() {
        RefreshRequest::default()
    } else {
        is_json?;
        parse_json(&body)?
    };
    let token = match kind {
        SessionKind::Cookie => in_cookie,
        SessionKind::Token => in_body.refresh_token,
    };
    let bearer = match (bearer, &token) {
        (Some(Ok(claims)), _) => Some(claims.sid),
        // An access token that has expired is no reason to keep the session.
        (Some(Err(_)), Some(_)) | (None, _) => None,
        (Some(Err(problem)), None) => return Err(problem),
    };
    let call = Call {
        token,
        kind,
        csrf,
        key,
        bearer,
    };
    Ok((origin, call))
}

/// Sign out.
///
/// Ends the session of the access token, of the cookie (with the CSRF token), or of the refresh
/// token in the body; whichever is there.
#[utoipa::path(
    post,
    path = "/v1/auth/logout",
    tag = "identity",
    operation_id = "logout",
    security((), ("bearer" = [])),
    params(
        ("X-Saas-Session" = Option<String>, Header,
            description = "`cookie`: the session is that of the cookie."),
        ("X-CSRF-Token" = Option<String>, Header,
            description = "The `csrf_token` of the last answer; needed with the cookie.")
    ),
    request_body = Option<RefreshRequest>,
    responses((status = 204, description = "The session has ended."))
)]
async fn log_out(State(core): State<Core>, request: Request) -> Result<Response, Refusal> {
    let (origin, call) = presented(&core, request).await?;
    let is_cookie = call.kind == SessionKind::Cookie;
    let session = match (call.bearer, call.token) {
        (Some(session), _) => session,
        (None, Some(token)) => {
            let presented = Presented {
                token,
                kind: call.kind,
                csrf: call.csrf,
                key: None,
            };
            let tx = core.db.system_read("identity.logout").await?;
            refresh::session_of(&core, &tx, &presented).await?.1.id
        }
        (None, None) => {
            return Err(Problem::unauthorized(
                "token_required",
                "send the access token of the session that is to end",
            )
            .into());
        }
    };
    login::logout(&core, &origin, session).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    if is_cookie {
        let forget = cookie::clear(&core)?;
        response.headers_mut().insert(SET_COOKIE, forget);
    }
    Ok(response)
}

/// Sign up.
///
/// Opens an account and a tenant, of which the person is the owner. In production the answer is 202
/// whether the address was free or not, and an operator activates the account.
#[utoipa::path(
    post,
    path = "/v1/auth/signup",
    tag = "identity",
    operation_id = "sign_up",
    params(("Idempotency-Key" = Option<String>, Header,
        description = "The caller's name for this call, to repeat it safely.")),
    request_body = SignUpRequest,
    responses(
        (status = 201, body = SignedUp),
        (status = 202, description = "Noted; production's answer, whatever comes of it.")
    )
)]
async fn sign_up_person(
    State(core): State<Core>,
    origin: Origin,
    creation: Creation<SignUpRequest>,
) -> Result<Created, Refusal> {
    sign_up::sign_up(&core, &origin, creation.input, creation.key).await
}
