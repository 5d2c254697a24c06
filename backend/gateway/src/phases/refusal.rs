//! Why a request goes no further, and what its sender is told.

use std::borrow::Cow;

use http::{HeaderName, HeaderValue, StatusCode, header};
use saas_web::Problem;

const TRUST_STALE: &str = "trust_stale";

/// An answer of the gateway's own to a request that it does not forward.
#[derive(Clone, Debug)]
pub struct Refusal(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    headers: Vec<(HeaderName, HeaderValue)>,
    closes: bool,
}

impl Refusal {
    /// Any refusal; the ones below are shorthands.
    pub fn new(
        status: StatusCode,
        code: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self(Box::new(Parts {
            status,
            code,
            detail: detail.into(),
            headers: Vec::new(),
            closes: false,
        }))
    }

    /// 400, after which the connection is closed: who frames a message in two ways may mean the
    /// rest of the connection as another message.
    pub fn malformed(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        let mut refusal = Self::new(StatusCode::BAD_REQUEST, code, detail);
        refusal.0.closes = true;
        refusal
    }

    /// 400: the path could be read in two ways.
    pub fn bad_path(why: &'static str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "path_refused",
            format!("the path is refused: {why}; send it in its plain, normalised form"),
        )
    }

    /// 414.
    pub fn uri_too_long() -> Self {
        Self::new(
            StatusCode::URI_TOO_LONG,
            "uri_too_long",
            "the address is longer than 8 KiB; send large values in the body",
        )
    }

    /// 404: nothing is reachable there.
    pub fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// 401 without a token.
    pub fn no_token() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "token_required",
            "sign in at /api/core/v1/auth/login and send the access token as `Authorization: Bearer …`",
        )
    }

    /// 401 with a token that is not accepted (RFC 6750, section 3.1).
    pub fn invalid_token(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, detail).header(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static(r#"Bearer error="invalid_token""#),
        )
    }

    /// 403.
    pub fn forbidden(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }

    /// 429 with `Retry-After` in seconds.
    pub fn too_many(
        code: &'static str,
        retry_after: u32,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, code, detail)
            .header(header::RETRY_AFTER, HeaderValue::from(retry_after))
    }

    /// 503 with `Retry-After` in seconds.
    pub fn unavailable(
        code: &'static str,
        retry_after: u32,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail)
            .header(header::RETRY_AFTER, HeaderValue::from(retry_after))
    }

    /// 503: whether the token was revoked cannot be told. It may be known in a moment.
    pub fn trust_stale() -> Self {
        Self::unavailable(
            TRUST_STALE,
            1,
            "core was not heard from for a second, so a token cannot be checked for revocation; try again",
        )
    }

    /// Whether a moment's wait may mend it.
    pub fn is_for_stale_trust(&self) -> bool {
        self.0.code == TRUST_STALE
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Ends the connection with the answer.
    #[must_use]
    pub fn closing(mut self) -> Self {
        self.0.closes = true;
        self
    }

    /// The answer's status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// Whether the connection ends with the answer.
    pub fn closes(&self) -> bool {
        self.0.closes
    }

    /// The answer's body and headers.
    pub fn to_problem(&self) -> Problem {
        let mut problem = Problem::new(self.0.status, self.0.code).detail(self.0.detail.clone());
        for (name, value) in &self.0.headers {
            problem = problem.header(name.clone(), value.clone());
        }
        problem
    }
}
