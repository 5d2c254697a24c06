//! JSON bodies, read strictly: what is wrong with one is said field by field.

use std::{error::Error as _, fmt, marker::PhantomData, time::Duration};

use axum::{
    RequestExt as _,
    body::Body,
    extract::FromRequest,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use garde::Validate;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE},
};
use http_body_util::LengthLimitError;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::{
    extract::{escape, shortened, summary, validate},
    problem::{FieldError, Problem},
};

/// How long a client may take to send a body; well below the time limit of a request, so that the
/// client learns that it was its own sending that took too long.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);

/// A JSON object as the body, strictly: the right content type, within the size limit, of the right
/// types, valid by its `garde` rules. Unknown fields are refused if the type says `deny_unknown_fields`.
///
/// | wrong | status | code |
/// |---|---|---|
/// | content type | 415 | `unsupported_media_type` |
/// | content encoding | 415 | `unsupported_encoding` |
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
        require_json(request.headers())?;
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

/// A 415 unless the body is said to be JSON: for bodies that are read by [`read_body`].
pub fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    if is_json(headers) {
        return Ok(());
    }
    Err(
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
            .detail("send the body as JSON, with `Content-Type: application/json`"),
    )
}

/// A packed body would be taken for broken JSON. `Accept-Encoding` tells what is taken (RFC 9110,
/// section 15.5.16).
fn require_plain(headers: &HeaderMap) -> Result<(), Problem> {
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    if encodings.all(|value| value.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Ok(());
    }
    Err(
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_encoding")
            .detail("send the body as it is, without `Content-Encoding`")
            .header(ACCEPT_ENCODING, HeaderValue::from_static("identity")),
    )
}

/// The whole body, within the router's size limit and 20 s. A packed one is a 415.
pub async fn read_body(request: axum::extract::Request) -> Result<Bytes, Problem> {
    require_plain(request.headers())?;
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
        // Some values of a wrong type stop the parser as if they were no JSON at all.
        if inner.is_data() || is_sound(body) {
            invalid_body(vec![field_error(pointer, &inner)])
        } else {
            malformed(&inner)
        }
    })?;
    json.end().map_err(|error| malformed(&error))?;
    validate(&value).map_err(invalid_body)?;
    Ok(value)
}

/// Whether this is JSON, whatever it says.
fn is_sound(body: &[u8]) -> bool {
    std::str::from_utf8(body).is_ok() && serde_json::from_slice::<IgnoredAny>(body).is_ok()
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::bad_request("malformed_json", format!("the body is not JSON: {error}"))
}

fn invalid_body(errors: Vec<FieldError>) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_body")
        .detail(summary("the body", &errors))
        .errors(errors)
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
    // What the parser says of anything but a string in the place of one of several words.
    if detail == "expected value" {
        "expected a string".clone_into(&mut detail);
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

/// For a field that holds an object or null: `#[serde(deserialize_with = "saas_web::object")]`.
/// Serde would read an array into a struct, field by field in their order.
///
/// # Errors
/// When it is neither an object nor null, or not such an object.
pub fn object<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Object<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = Option<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map)).map(Some)
        }
    }

    deserializer.deserialize_any(Object(PhantomData))
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
