//! Browser sessions: the refresh token in a cookie that scripts cannot read.

use axum::extract::FromRequestParts;
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{COOKIE, ORIGIN},
    request::Parts,
};
use saas_domain::SessionId;
use saas_security::verify_csrf;
use saas_storage::core::sessions::SessionKind;
use saas_web::Problem;

use crate::state::Core;

/// The header that asks for a cookie session.
const MODE: HeaderName = HeaderName::from_static("x-saas-session");
/// The header that brings the CSRF token back.
const CSRF: HeaderName = HeaderName::from_static("x-csrf-token");

/// How the caller wants, or brings, the refresh token: an extractor that reads `X-Saas-Session`.
/// With `cookie`, the request must come from a page of the console.
pub(crate) struct Mode(pub SessionKind);

impl FromRequestParts<Core> for Mode {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, core: &Core) -> Result<Self, Problem> {
        match parts.headers.get(MODE).map(HeaderValue::as_bytes) {
            None | Some(b"token") => Ok(Self(SessionKind::Token)),
            Some(b"cookie") => {
                check_origin(core, &parts.headers)?;
                Ok(Self(SessionKind::Cookie))
            }
            Some(_) => Err(Problem::bad_request(
                "invalid_session_mode",
                "`X-Saas-Session` takes `cookie` or `token`",
            )),
        }
    }
}

/// A page of another origin must not use the cookie, whatever the browser lets it do.
fn check_origin(core: &Core, headers: &HeaderMap) -> Result<(), Problem> {
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    let console = &core.rules.console_url;
    let is_console = origin.is_some_and(|origin| {
        origin.eq_ignore_ascii_case(console)
            || (!core.rules.production && is_same_loopback(origin, console))
    });
    if is_console {
        return Ok(());
    }
    Err(Problem::forbidden(
        "origin_not_allowed",
        format!("cookie sessions are for pages of {console} alone; others send the token itself"),
    ))
}

/// In development, `localhost` and `127.0.0.1` are the same place if the port is the same.
fn is_same_loopback(origin: &str, console: &str) -> bool {
    let loopback_port = |url: &str| {
        let rest = url.strip_prefix("http://")?;
        let (host, port) = rest.rsplit_once(':').unwrap_or((rest, "80"));
        matches!(host, "localhost" | "127.0.0.1" | "[::1]").then(|| port.to_owned())
    };
    let port = loopback_port(origin);
    port.is_some() && port == loopback_port(console)
}

/// A 403 unless the request brings the CSRF token of the session.
pub(crate) fn check_csrf(core: &Core, csrf: &CsrfToken, session: SessionId) -> Result<(), Problem> {
    let fits = |token: &String| verify_csrf(&core.root, session, token);
    if csrf.0.as_ref().is_some_and(fits) {
        return Ok(());
    }
    Err(Problem::forbidden(
        "csrf_token_invalid",
        "send the `csrf_token` of the last answer as `X-CSRF-Token`",
    ))
}

/// What stands in `X-CSRF-Token`: an extractor.
pub(crate) struct CsrfToken(Option<String>);

impl<S: Sync> FromRequestParts<S> for CsrfToken {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let value = parts.headers.get(CSRF);
        Ok(Self(
            value
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned),
        ))
    }
}

/// The refresh token that came in the cookie: an extractor.
pub(crate) struct RefreshCookie(pub Option<String>);

impl FromRequestParts<Core> for RefreshCookie {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, core: &Core) -> Result<Self, Self::Rejection> {
        let wanted = name(core);
        let values = parts.headers.get_all(COOKIE).iter();
        let pairs = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='));
        let mut found = pairs.filter(|(name, _)| *name == wanted);
        Ok(Self(found.next().map(|(_, value)| value.to_owned())))
    }
}

/// The prefix makes the browser insist on TLS, this very host and the path `/`.
fn name(core: &Core) -> &'static str {
    if core.rules.production {
        "__Host-saas_refresh"
    } else {
        "saas_refresh"
    }
}

/// `Set-Cookie` with the refresh token.
pub(crate) fn set(core: &Core, token: &str) -> Result<HeaderValue, Problem> {
    write(core, token, core.rules.refresh_lifetime.as_secs())
}

/// `Set-Cookie` that makes the browser forget it.
pub(crate) fn clear(core: &Core) -> Result<HeaderValue, Problem> {
    write(core, "", 0)
}

fn write(core: &Core, value: &str, max_age: u64) -> Result<HeaderValue, Problem> {
    let name = name(core);
    let secure = if core.rules.production {
        "; Secure"
    } else {
        ""
    };
    let cookie =
        format!("{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}");
    let mut value = HeaderValue::try_from(cookie).map_err(Problem::internal)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine_are_one_place_per_port() {
        assert!(is_same_loopback(
            "http://localhost:8000",
            "http://127.0.0.1:8000"
        ));
        assert!(!is_same_loopback(
            "http://localhost:8001",
            "http://127.0.0.1:8000"
        ));
        assert!(!is_same_loopback(
            "http://localhost.example:8000",
            "http://127.0.0.1:8000"
        ));
        assert!(!is_same_loopback("https://a.example", "https://a.example"));
    }
}
