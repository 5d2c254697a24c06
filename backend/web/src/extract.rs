//! Extractors that answer bad input with a problem that says what to do.

use std::{borrow::Cow, error::Error as _, time::Duration};

use axum::{
    RequestExt as _,
    body::Body,
    extract::{
        FromRequest, FromRequestParts, Path, Query, path::ErrorKind, rejection::PathRejection,
    },
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use garde::Validate;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE},
    request::Parts,
};
use http_body_util::LengthLimitError;
use serde::{Serialize, de::DeserializeOwned};

use crate::problem::{FieldError, Problem};

/// How long a client may take to send a body; well below the time limit of a request, so that the
/// client learns that it was its own sending that took too long.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);

/// A JSON object as the body, strictly: the right content type, within the size limit, of the right
/// types, valid by its `garde` rules. Unknown fields are refused if the type says `deny_unknown_fields`.
///
/// | wrong | status | code |
/// |---|---|---|
/// | content type | 415 | `unsupported_media_type` |
/// | size | 413 | `body_too_large` |
/// | the sender stopped half way, or took more than 20 s | 400, 408 | `body_incomplete`, `body_timeout` |
/// | not JSON | 400 | `malformed_json` |
/// | types, fields, rules | 422 | `invalid_body`, with a JSON Pointer for each |
///
/// As an answer it is the value as JSON.
#[derive(Clone, Copy, Debug)]
pub struct ApiJson<T>(pub T);

impl<T, S> FromRequest<S> for ApiJson<T>
where
    T: DeserializeOwned + Validate<Context: Default>,
    S: Sync,
{
    type Rejection = Problem;

    async fn from_request(request: axum::extract::Request, _: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(
                Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
                    .detail("send the body as JSON, with `Content-Type: application/json`"),
            );
        }
        let body = read_body(request).await?;
        parse_json(&body).map(Self)
    }
}

impl<T: Serialize> IntoResponse for ApiJson<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => {
                let json = HeaderValue::from_static("application/json");
                ([(CONTENT_TYPE, json)], body).into_response()
            }
            Err(error) => Problem::internal(error).into_response(),
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    let essence = value
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// The whole body, within the router's size limit and 20 s.
pub async fn read_body(request: axum::extract::Request) -> Result<Bytes, Problem> {
    let body: Body = request.into_limited_body();
    let read = axum::body::to_bytes(body, usize::MAX);
    match tokio::time::timeout(BODY_TIMEOUT, read).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_length_limit(&error) => Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
        )
        .detail("the body is larger than this endpoint takes; send less at once")
        .header(CONNECTION, HeaderValue::from_static("close"))),
        Ok(Err(error)) => Err(Problem::bad_request(
            "body_incomplete",
            "the body ended before its announced end; send it again",
        )
        .source(error)),
        Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "body_timeout")
            .detail("the body did not arrive within 20 seconds; send it again")
            .header(CONNECTION, HeaderValue::from_static("close"))),
    }
}

fn is_length_limit(error: &axum::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Reads and validates a JSON object as [`ApiJson`] does, for bodies that come another way.
pub fn parse_json<T>(body: &[u8]) -> Result<T, Problem>
where
    T: DeserializeOwned + Validate<Context: Default>,
{
    if body.is_empty() {
        return Err(Problem::bad_request(
            "malformed_json",
            "the body is empty; send a JSON object",
        ));
    }
    // Serde would read an array into a struct, field by field in their order.
    if body.trim_ascii_start().starts_with(b"[") {
        let detail = "expected an object, not an array".to_owned();
        let pointer = String::new();
        return Err(invalid_body(vec![FieldError { pointer, detail }]));
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let value: T = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let pointer = pointer_of(error.path());
        let inner = error.into_inner();
        if inner.is_data() {
            invalid_body(vec![field_error(pointer, &inner)])
        } else {
            malformed(&inner)
        }
    })?;
    json.end().map_err(|error| malformed(&error))?;
    validate(&value).map_err(invalid_body)?;
    Ok(value)
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::bad_request("malformed_json", format!("the body is not JSON: {error}"))
}

fn invalid_body(errors: Vec<FieldError>) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_body")
        .detail(summary("the body", &errors))
        .errors(errors)
}

fn summary(whole: &str, errors: &[FieldError]) -> Cow<'static, str> {
    match errors {
        [only] if only.pointer.is_empty() => {
            format!("{whole} is not valid: {}", only.detail).into()
        }
        [only] => format!(
            "`{}` in {whole} is not valid: {}",
            only.pointer, only.detail
        )
        .into(),
        several => format!("{whole} has {} invalid fields", several.len()).into(),
    }
}

fn field_error(mut pointer: String, error: &serde_json::Error) -> FieldError {
    let mut detail = error.to_string();
    if let Some(end) = detail.rfind(" at line ") {
        detail.truncate(end);
    }
    // Serde reports these at the object that the field belongs to.
    let field = ["missing field `", "duplicate field `"]
        .into_iter()
        .find_map(|words| detail.strip_prefix(words)?.strip_suffix('`'));
    if let Some(field) = field {
        pointer.push('/');
        pointer.push_str(&escape(field));
    }
    // Our own type's name would tell the caller nothing.
    if let Some(end) = detail.rfind("expected struct ") {
        detail.replace_range(end.., "expected an object");
    }
    FieldError {
        pointer,
        detail: shortened(detail),
    }
}

/// Serde repeats the value it did not like, which may be as long as the body.
fn shortened(mut detail: String) -> String {
    const LONGEST: usize = 240;
    if let Some((end, _)) = detail.char_indices().nth(LONGEST) {
        detail.truncate(end);
        detail.push('…');
    }
    detail
}

fn pointer_of(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                pointer.push('/');
                pointer.push_str(&index.to_string());
            }
            Segment::Map { key } => {
                pointer.push('/');
                pointer.push_str(&escape(key));
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

/// RFC 6901, section 3.
fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn validate<T: Validate<Context: Default>>(value: &T) -> Result<(), Vec<FieldError>> {
    value.validate().map_err(|report| {
        let errors = report.iter().map(|(path, error)| FieldError {
            pointer: pointer_from_rules(&path.to_string()),
            detail: error.message().to_owned(),
        });
        errors.collect()
    })
}

/// `items[0].name` becomes `/items/0/name`.
fn pointer_from_rules(path: &str) -> String {
    let mut pointer = String::new();
    for part in path.split(['.', '[']).filter(|part| !part.is_empty()) {
        pointer.push('/');
        pointer.push_str(&escape(part.trim_end_matches(']')));
    }
    pointer
}

/// The query, typed and valid by its `garde` rules; anything else is a 400 `invalid_query`.
/// Parameters that the type does not know are ignored, so that it can stand beside
/// [`crate::PageQuery`].
#[derive(Clone, Copy, Debug)]
pub struct ApiQuery<T>(pub T);

impl<T, S> FromRequestParts<S> for ApiQuery<T>
where
    T: DeserializeOwned + Validate<Context: Default>,
    S: Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Query(value) = Query::<T>::try_from_uri(&parts.uri).map_err(|rejection| {
            let text = rejection.body_text();
            let text = text
                .split_once(": ")
                .map_or(text.as_str(), |(_, cause)| cause);
            let (pointer, detail) = text
                .split_once(": ")
                .map_or((String::new(), text), |(name, cause)| {
                    (format!("/{name}"), cause)
                });
            invalid_query(vec![FieldError {
                pointer,
                detail: shortened(detail.to_owned()),
            }])
        })?;
        validate(&value).map_err(invalid_query)?;
        Ok(Self(value))
    }
}

fn invalid_query(errors: Vec<FieldError>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid_query")
        .detail(summary("the query", &errors))
        .errors(errors)
}

/// The parameters of the path, typed; a value that does not fit is a 400 `invalid_path`.
#[derive(Clone, Copy, Debug)]
pub struct ApiPath<T>(pub T);

impl<T, S> FromRequestParts<S> for ApiPath<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(PathRejection::FailedToDeserializePathParams(error)) => {
                Err(invalid_path(error.into_kind()))
            }
            Err(other) => Err(Problem::internal(other)),
        }
    }
}

fn invalid_path(kind: ErrorKind) -> Problem {
    let detail = match kind {
        ErrorKind::ParseErrorAtKey {
            key,
            value,
            expected_type,
        } => {
            format!("`{value}` is not a valid {key}: expected {expected_type}")
        }
        ErrorKind::DeserializeError {
            key,
            value,
            message,
        } => {
            format!("`{value}` is not a valid {key}: {message}")
        }
        ErrorKind::InvalidUtf8InPathParam { key } => format!("the {key} in the path is not UTF-8"),
        ErrorKind::ParseError {
            value,
            expected_type,
        }
        | ErrorKind::ParseErrorAtIndex {
            value,
            expected_type,
            ..
        } => format!("`{value}` in the path is not valid: expected {expected_type}"),
        ErrorKind::Message(message) => format!("the path is not valid: {message}"),
        // A handler that asks for other parameters than its route has.
        other => return Problem::internal(other.to_string()),
    };
    Problem::bad_request("invalid_path", shortened(detail))
}

/// The bearer token of a request, if it carries one: the scheme in any case, then one token.
pub fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains(' '))
        .then_some(token)
}
