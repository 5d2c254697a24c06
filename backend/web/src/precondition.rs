//! `ETag`, `If-Match`, `Idempotency-Key`.

use std::fmt;

use axum::{
    extract::FromRequestParts,
    response::{IntoResponseParts, ResponseParts},
};
use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{ETAG, IF_MATCH, IF_NONE_MATCH},
    request::Parts,
};

use crate::Problem;

/// The version of a thing, as a strong entity tag (RFC 9110, section 8.8.3). Put it into an answer
/// beside the body: `(ETag::version(3), ApiJson(tenant))`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ETag(String);

impl ETag {
    /// The tag of a row's version number.
    pub fn version(version: impl fmt::Display) -> Self {
        Self(format!("\"{version}\""))
    }

    /// The tag as it stands in the header, quotes included.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl IntoResponseParts for ETag {
    type Error = Problem;

    fn into_response_parts(self, mut response: ResponseParts) -> Result<ResponseParts, Problem> {
        let value = HeaderValue::try_from(self.0).map_err(Problem::internal)?;
        response.headers_mut().insert(ETAG, value);
        Ok(response)
    }
}

/// The tags an update is meant for (`If-Match`); an extractor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// The header is not there.
    Absent,
    /// `*`: whatever the version, as long as there is one.
    Any,
    /// Only these.
    Tags(Vec<String>),
}

impl IfMatch {
    /// Whether the update may go on, with `current` as the thing's tag now: a 412
    /// `version_conflict` if it was made for another version.
    pub fn check(&self, current: &ETag) -> Result<(), Problem> {
        match self {
            Self::Tags(tags) if !tags.contains(&current.0) => Err(Problem::new(
                StatusCode::PRECONDITION_FAILED,
                "version_conflict",
            )
            .detail(
                "somebody changed this since you read it; read it again and repeat the change",
            )),
            Self::Absent | Self::Any | Self::Tags(_) => Ok(()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match tags(parts, &IF_MATCH)? {
            None => Ok(Self::Absent),
            Some(tags) if tags == ["*"] => Ok(Self::Any),
            Some(tags) => Ok(Self::Tags(tags)),
        }
    }
}

/// Whether the caller already has this version (`If-None-Match`), weakly compared: then 304 is the
/// answer.
pub fn is_unchanged(headers: &http::HeaderMap, current: &ETag) -> bool {
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|tag| tag.trim().trim_start_matches("W/"))
        .any(|tag| tag == "*" || tag == current.0)
}

fn tags(parts: &Parts, name: &HeaderName) -> Result<Option<Vec<String>>, Problem> {
    let mut tags = Vec::new();
    let mut present = false;
    for value in parts.headers.get_all(name) {
        present = true;
        let text = value.to_str().map_err(|_| invalid_tags())?;
        for tag in text.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
            let quoted = tag.len() >= 2 && tag.starts_with('"') && tag.ends_with('"');
            // A weak tag never matches strongly, and is not an error (RFC 9110, section 13.1.1).
            if !(quoted || tag == "*" || tag.starts_with("W/\"")) {
                return Err(invalid_tags());
            }
            tags.push(tag.to_owned());
        }
    }
    Ok(present.then_some(tags))
}

fn invalid_tags() -> Problem {
    Problem::bad_request(
        "invalid_if_match",
        "`If-Match` takes the `ETag` of an earlier answer, quotes included, or `*`",
    )
}

/// The caller's name for one act, so that repeating the call does not repeat the act; an extractor
/// that gives `None` if the header is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(pub Option<String>);

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all("idempotency-key").iter();
        let (first, second) = (values.next(), values.next());
        let Some(value) = first else {
            return Ok(Self(None));
        };
        let bytes = value.as_bytes();
        let sound = (1..=255).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
        match value.to_str() {
            Ok(key) if sound && second.is_none() => Ok(Self(Some(key.to_owned()))),
            _ => Err(Problem::bad_request(
                "invalid_idempotency_key",
                "`Idempotency-Key` takes 1 to 255 printable ASCII characters without spaces, once",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn if_match(value: Option<&str>) -> Result<IfMatch, Problem> {
        let mut request = http::Request::new(());
        if let Some(value) = value {
            request
                .headers_mut()
                .insert(IF_MATCH, value.parse().unwrap());
        }
        let (mut parts, ()) = request.into_parts();
        IfMatch::from_request_parts(&mut parts, &()).await
    }

    #[tokio::test]
    async fn an_update_goes_on_only_for_the_version_it_was_made_for() {
        let current = ETag::version(3);
        for good in [None, Some("*"), Some("\"3\""), Some("\"2\", \"3\"")] {
            assert!(
                if_match(good).await.unwrap().check(&current).is_ok(),
                "{good:?}"
            );
        }
        for stale in ["\"2\"", "W/\"3\""] {
            let problem = if_match(Some(stale))
                .await
                .unwrap()
                .check(&current)
                .unwrap_err();
            assert_eq!(problem.status(), StatusCode::PRECONDITION_FAILED);
        }
        assert_eq!(
            if_match(Some("3")).await.unwrap_err().code(),
            "invalid_if_match"
        );
    }

    #[tokio::test]
    async fn an_idempotency_key_is_short_and_plain() {
        let key = |value: &'static str| async move {
            let request = http::Request::builder().header("idempotency-key", value);
            let (mut parts, ()) = request.body(()).unwrap().into_parts();
            IdempotencyKey::from_request_parts(&mut parts, &()).await
        };
        assert_eq!(
            key("order-17").await.unwrap().0.as_deref(),
            Some("order-17")
        );
        assert_eq!(
            key("a b").await.unwrap_err().code(),
            "invalid_idempotency_key"
        );
    }
}
