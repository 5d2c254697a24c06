//! Extractors that answer bad input with a problem that says what to do.

use std::borrow::Cow;

use axum::extract::{FromRequestParts, Path, Query, path::ErrorKind, rejection::PathRejection};
use garde::Validate;
use http::{HeaderMap, StatusCode, header::AUTHORIZATION, request::Parts};
use serde::de::DeserializeOwned;

use crate::problem::{FieldError, Problem};

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

/// The bearer token of a request, if it carries one: the scheme in any case, then one token. With two
/// `Authorization` headers nobody could say which one counts, so that neither does.
pub fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains(' '))
        .then_some(token)
}

pub(crate) fn summary(whole: &str, errors: &[FieldError]) -> Cow<'static, str> {
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

/// Serde repeats the value it did not like, which may be as long as the body.
pub(crate) fn shortened(mut detail: String) -> String {
    const LONGEST: usize = 240;
    if let Some((end, _)) = detail.char_indices().nth(LONGEST) {
        detail.truncate(end);
        detail.push('…');
    }
    detail
}

/// RFC 6901, section 3.
pub(crate) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

pub(crate) fn validate<T: Validate<Context: Default>>(value: &T) -> Result<(), Vec<FieldError>> {
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
