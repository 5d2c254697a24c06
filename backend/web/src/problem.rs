//! Errors as RFC 9457 problem documents.

use std::{borrow::Cow, error::Error, fmt, sync::Arc};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde::Serialize;
use utoipa::ToSchema;

/// The media type of a problem document.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// An answer that says what was wrong and what to do, as `application/problem+json`.
///
/// It is the one error type of every handler. The middleware ([`crate::stack`]) fills in the request
/// it belongs to and logs its source, once; the source is never shown to the caller.
///
/// ```
/// use saas_web::{Problem, http::StatusCode};
///
/// let problem = Problem::new(StatusCode::CONFLICT, "slug_taken")
///     .detail("another tenant already has the slug `acme`; choose another one");
/// assert_eq!(problem.status(), StatusCode::CONFLICT);
/// ```
#[derive(Clone)]
pub struct Problem(Box<Parts>);

#[derive(Clone)]
struct Parts {
    status: StatusCode,
    code: Cow<'static, str>,
    title: Option<Cow<'static, str>>,
    detail: Option<Cow<'static, str>>,
    errors: Vec<FieldError>,
    headers: HeaderMap,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// What is wrong with one field of the input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Where: a JSON Pointer (RFC 6901) into the body; into the parameters by name for a query.
    #[schema(example = "/email")]
    pub pointer: String,
    /// What is wrong there.
    #[schema(example = "not a valid e-mail address")]
    pub detail: String,
}

/// The body of an error (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDocument<'a> {
    /// Identifies the kind of problem: `urn:saas:problem:` and the code.
    #[serde(rename = "type")]
    #[schema(example = "urn:saas:problem:not_found")]
    pub kind: String,
    /// The kind of problem in words.
    pub title: &'a str,
    /// The HTTP status.
    pub status: u16,
    /// What was wrong this time, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<&'a str>,
    /// The path that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<&'a str>,
    /// The kind of problem as a stable word, for programs.
    #[schema(example = "not_found")]
    pub code: &'a str,
    /// The request's identifier, as in the logs and in `X-Request-Id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<&'a str>,
    /// What is wrong with the input, field by field.
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    pub errors: &'a [FieldError],
}

impl Problem {
    /// A problem with the given status and stable code in `snake_case`. The code also makes the
    /// title, until [`Problem::title`] sets another. A 401 carries `WWW-Authenticate: Bearer`.
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>) -> Self {
        let mut headers = HeaderMap::new();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        Self(Box::new(Parts {
            status,
            code: code.into(),
            title: None,
            detail: None,
            errors: Vec::new(),
            headers,
            source: None,
        }))
    }

    /// 400: the request itself is wrong.
    pub fn bad_request(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code).detail(detail)
    }

    /// 401: nobody knows who is calling.
    pub fn unauthorized(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code).detail(detail)
    }

    /// 403: the caller is known and may not.
    pub fn forbidden(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code).detail(detail)
    }

    /// 404 with the code `not_found`: no such thing, or not one the caller may know of.
    pub fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found").detail(detail)
    }

    /// 409: the request clashes with what is there.
    pub fn conflict(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, code).detail(detail)
    }

    /// 429 with `Retry-After` in seconds.
    pub fn too_many_requests(retry_after: u32, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests")
            .retry_after(retry_after)
            .detail(detail)
    }

    /// 503 with `Retry-After` in seconds: something this service needs is away; trying again helps.
    pub fn unavailable(
        code: &'static str,
        retry_after: u32,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code)
            .retry_after(retry_after)
            .detail(detail)
    }

    /// 500: a defect of ours. The source goes to the log, the caller gets the request's identifier.
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal")
            .detail(
                "something went wrong on our side; the request's identifier finds it in the log",
            )
            .source(source)
    }

    /// The kind of problem in words, in place of the one made from the code.
    #[must_use]
    pub fn title(mut self, title: impl Into<Cow<'static, str>>) -> Self {
        self.0.title = Some(title.into());
        self
    }

    /// What was wrong this time, with which value, and what to do. Shown to the caller.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// After how many seconds another try makes sense (`Retry-After`).
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        self.header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// What is wrong with the input, field by field.
    #[must_use]
    pub fn errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.errors = errors;
        self
    }

    /// Adds what is wrong with one field; `pointer` is a JSON Pointer such as `/email`.
    #[must_use]
    pub fn error(mut self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        self.0.errors.push(FieldError {
            pointer: pointer.into(),
            detail: detail.into(),
        });
        self
    }

    /// Sets a header of the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// What caused it: for the log, with its own chain of sources; never shown.
    #[must_use]
    pub fn source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// Writes the cause to the log: a 5xx other than 503 at `error`, 503 at `warn`, the rest at
    /// `debug`. [`crate::stack`] calls it; only somebody who serves without it needs to.
    pub fn log(&self) {
        let status = self.0.status.as_u16();
        let code = self.code();
        let detail = self.0.detail.as_deref().unwrap_or_default();
        let cause = self.0.source.as_deref().map(Chain);
        let cause = cause.as_ref().map(tracing::field::display);
        if self.0.status == StatusCode::SERVICE_UNAVAILABLE {
            tracing::warn!(
                code,
                http.response.status_code = status,
                error.message = cause,
                "{detail}"
            );
        } else if self.0.status.is_server_error() {
            tracing::error!(
                code,
                http.response.status_code = status,
                error.message = cause,
                "{detail}"
            );
        } else {
            tracing::debug!(
                code,
                http.response.status_code = status,
                error.message = cause,
                "{detail}"
            );
        }
    }

    /// The whole answer, for the request with this identifier and path. Handlers just return the
    /// problem; this is for servers without [`crate::stack`], such as the gateway.
    pub fn to_http(
        &self,
        request_id: Option<&str>,
        instance: Option<&str>,
    ) -> http::Response<Bytes> {
        let body = self.body(request_id, instance);
        let mut response = http::Response::new(body);
        *response.status_mut() = self.0.status;
        *response.headers_mut() = self.0.headers.clone();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    fn body(&self, request_id: Option<&str>, instance: Option<&str>) -> Bytes {
        let title = match &self.0.title {
            Some(title) => Cow::Borrowed(title.as_ref()),
            None => Cow::Owned(title_of(&self.0.code)),
        };
        let document = ProblemDocument {
            kind: format!("urn:saas:problem:{}", self.0.code),
            title: &title,
            status: self.0.status.as_u16(),
            detail: self.0.detail.as_deref(),
            instance,
            code: &self.0.code,
            request_id,
            errors: &self.0.errors,
        };
        // Text and numbers only: this cannot fail.
        serde_json::to_vec(&document).unwrap_or_default().into()
    }
}

/// `slug_taken` becomes `Slug taken`.
fn title_of(code: &str) -> String {
    let mut title = code.replace('_', " ");
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    title
}

/// An error and everything that caused it, on one line.
struct Chain<'a>(&'a (dyn Error + Send + Sync));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problem")
            .field("status", &self.0.status.as_u16())
            .field("code", &self.0.code)
            .field("detail", &self.0.detail)
            .field("errors", &self.0.errors)
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.to_http(None, None).map(Body::from);
        // The middleware finds it here and writes it again, with the request's facts.
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(problem: &Problem) -> serde_json::Value {
        let response = problem.to_http(Some("r-1"), Some("/v1/tenants"));
        serde_json::from_slice(response.body()).unwrap()
    }

    #[test]
    fn a_document_has_every_member_and_nothing_of_the_source() {
        let problem = Problem::conflict("slug_taken", "choose another one")
            .error("/slug", "taken")
            .source("duplicate key value violates unique constraint");
        assert_eq!(
            document(&problem),
            serde_json::json!({
                "type": "urn:saas:problem:slug_taken",
                "title": "Slug taken",
                "status": 409,
                "detail": "choose another one",
                "instance": "/v1/tenants",
                "code": "slug_taken",
                "request_id": "r-1",
                "errors": [{"pointer": "/slug", "detail": "taken"}],
            })
        );
    }

    #[test]
    fn statuses_bring_the_headers_they_need() {
        let unauthorized = Problem::unauthorized("token_required", "sign in").to_http(None, None);
        assert_eq!(unauthorized.headers()[WWW_AUTHENTICATE], "Bearer");
        let away = Problem::unavailable("database_away", 2, "try again").to_http(None, None);
        assert_eq!(away.headers()[RETRY_AFTER], "2");
        assert_eq!(away.headers()[CONTENT_TYPE], PROBLEM_JSON);
    }

    #[test]
    fn the_chain_of_causes_is_written_on_one_line() {
        #[derive(Debug, thiserror::Error)]
        #[error("could not store the tenant")]
        struct Outer(#[source] fmt::Error);
        let outer = Outer(fmt::Error);
        let expected = format!("could not store the tenant: {}", fmt::Error);
        assert_eq!(Chain(&outer).to_string(), expected);
    }
}
