//! `Idempotency-Key`: a call that creates, repeated with the same key, creates once.
//!
//! The key is claimed by the first statement of the transaction that creates, and the answer is kept
//! by its last, so that there is never a creation without an answer or the other way round.

use axum::{
    extract::{FromRequest, FromRequestParts as _, Request},
    response::{IntoResponse, Response},
};
use garde::Validate;
use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{ETAG, LOCATION},
};
use saas_domain::{TenantId, UserId};
use saas_security::digest;
use saas_storage::{
    SystemTx,
    core::idempotency::{self, KeyRef},
};
use saas_web::{IdempotencyKey, Problem, parse_json, read_body, require_json};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{refusal::Refusal, state::Core};

/// How long answers are kept.
const KEPT: chrono::Duration = chrono::Duration::hours(24);

/// Tells a repeated answer from the first.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A JSON body that asks for something to be created, with the key it may carry. An extractor.
pub(crate) struct Creation<T> {
    /// What to create.
    pub input: T,
    /// The key, not yet bound to a caller.
    pub key: RequestKey,
}

/// The key and what it was sent with.
pub(crate) struct RequestKey {
    key: Option<String>,
    request: [u8; 32],
}

impl<T, S> FromRequest<S> for Creation<T>
where
    T: DeserializeOwned + Validate<Context: Default>,
    S: Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let IdempotencyKey(key) = IdempotencyKey::from_request_parts(&mut parts, state).await?;
        let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
        require_json(&parts.headers)?;
        let body = read_body(Request::from_parts(parts, body)).await?;
        let input = parse_json(&body)?;
        // It is JSON, and so it is UTF-8.
        let text = String::from_utf8_lossy(&body);
        let request = digest(&format!("{method} {path}\n{text}"));
        Ok(Self {
            input,
            key: RequestKey { key, request },
        })
    }
}

/// A key bound to its caller: keys of different callers never meet.
pub(crate) struct Once {
    key: Option<KeyRef>,
    request: [u8; 32],
}

impl RequestKey {
    /// For a person.
    pub fn of_user(self, user: UserId, tenant: Option<TenantId>) -> Once {
        self.bind(format!("user:{user}"), tenant)
    }

    /// For somebody who is nobody yet but has an e-mail address.
    pub fn of_stranger(self, email: &str) -> Once {
        let hash = u128::from_be_bytes(first_half(digest(email)));
        self.bind(format!("email:{hash:032x}"), None)
    }

    fn bind(self, scope: String, tenant_id: Option<TenantId>) -> Once {
        Once {
            request: self.request,
            key: self.key.map(|key| KeyRef {
                tenant_id,
                scope,
                digest: digest(&key),
            }),
        }
    }
}

fn first_half(digest: [u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    half
}

/// The answer to a creation, as it is sent and kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Created {
    status: u16,
    etag: Option<String>,
    location: Option<String>,
    body: Option<serde_json::Value>,
    #[serde(skip)]
    replayed: bool,
}

impl Created {
    /// A 201 with the thing that was made.
    pub fn new(body: &impl Serialize) -> Result<Self, serde_json::Error> {
        Ok(Self {
            status: StatusCode::CREATED.as_u16(),
            etag: None,
            location: None,
            body: Some(serde_json::to_value(body)?),
            replayed: false,
        })
    }

    /// A 202 that tells nothing.
    pub const fn accepted() -> Self {
        Self {
            status: StatusCode::ACCEPTED.as_u16(),
            etag: None,
            location: None,
            body: None,
            replayed: false,
        }
    }

    /// Where the thing is and which version it has.
    pub fn at(mut self, location: String, etag: &saas_web::ETag) -> Self {
        self.location = Some(location);
        self.etag = Some(etag.as_str().to_owned());
        self
    }
}

impl IntoResponse for Created {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::CREATED);
        let mut response = match self.body {
            Some(body) => saas_web::ApiJson(body).into_response(),
            None => ().into_response(),
        };
        *response.status_mut() = status;
        let headers = response.headers_mut();
        for (name, value) in [(ETAG, self.etag), (LOCATION, self.location)] {
            if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
                headers.insert(name, value);
            }
        }
        if self.replayed {
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

impl Once {
    /// To be called first in the transaction. The answer of an earlier call with the same key, if
    /// there was one; a 422 if that call asked for something else.
    pub async fn earlier(&self, core: &Core, tx: &SystemTx) -> Result<Option<Created>, Refusal> {
        let Some(key) = &self.key else {
            return Ok(None);
        };
        let now = core.clock.now();
        if idempotency::claim(tx, key, &self.request, now, now + KEPT).await? {
            return Ok(None);
        }
        let kept = idempotency::find(tx, key).await?;
        let Some((_, sealed)) = kept.as_ref().and_then(|kept| kept.answer.as_ref()) else {
            return Err(Refusal::Internal("a claimed key has no answer".into()));
        };
        if kept
            .as_ref()
            .is_some_and(|kept| kept.request != self.request)
        {
            return Err(
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused")
                    .detail("this `Idempotency-Key` was used for another request; make a new one")
                    .into(),
            );
        }
        let plain = core.envelope.open(sealed, &context(key))?;
        let mut answer: Created = serde_json::from_slice(&plain)?;
        answer.replayed = true;
        Ok(Some(answer))
    }

    /// To be called last in the transaction, with its answer.
    pub async fn keep(&self, core: &Core, tx: &SystemTx, answer: &Created) -> Result<(), Refusal> {
        let Some(key) = &self.key else {
            return Ok(());
        };
        let plain = serde_json::to_vec(answer)?;
        let sealed = core.envelope.seal(&plain, &context(key), &core.random)?;
        idempotency::keep(tx, key, answer.status, sealed).await?;
        Ok(())
    }
}

fn context(key: &KeyRef) -> String {
    let hash = u128::from_be_bytes(first_half(key.digest));
    format!("idempotency_keys.answer/{}/{hash:032x}", key.scope)
}
