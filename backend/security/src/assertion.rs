//! The assertion to upstreams, `X-Saas-Assertion`: what the identity headers say, signed, for
//! services that trust no network.

use std::fmt;

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use saas_domain::{ServiceName, SessionId, TenantId, UserId};
use serde::Serialize;

use crate::{
    KeyError, KeySet, RootSecret, SigningKey,
    jwt::{self, TokenError},
};

const TYPE: &str = "assertion+jwt";
const LIFETIME_SECONDS: i64 = 60;

/// What the gateway vouches for. `aud` is the one service, so that `orders` cannot show it to
/// `billing`.
#[derive(Clone, Debug, Serialize)]
pub struct Assertion<'a> {
    /// The service it is made for.
    #[serde(rename = "aud")]
    pub service: &'a ServiceName,
    /// The tenant.
    #[serde(rename = "tid", skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// The person.
    #[serde(rename = "sub")]
    pub user: UserId,
    /// The session.
    #[serde(rename = "sid")]
    pub session: SessionId,
    /// Role names.
    pub roles: &'a [String],
    /// The tenant's plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<&'a str>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'static str,
    #[serde(flatten)]
    assertion: &'a Assertion<'a>,
    iat: i64,
    exp: i64,
}

/// Signs assertions. Its key derives from the root secret, so that core can publish the public
/// half while only gateways sign; it is never the key of access tokens.
#[derive(Clone)]
pub struct AssertionSigner {
    key: SigningKey,
    encoding: EncodingKey,
}

impl fmt::Debug for AssertionSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AssertionSigner({})", self.key.kid())
    }
}

impl AssertionSigner {
    /// The signer of this installation's gateways.
    pub fn new(root: &RootSecret) -> Result<Self, KeyError> {
        let key = SigningKey::from_seed(&root.derive(b"", "assertion"))?;
        let encoding = EncodingKey::from_ed_der(key.seed());
        Ok(Self { key, encoding })
    }

    /// An assertion valid for a minute. Costs one Ed25519 signature (about 20 µs): keep it beside
    /// the verified token instead of making one for each request.
    pub fn sign(
        &self,
        assertion: &Assertion<'_>,
        now: DateTime<Utc>,
    ) -> Result<String, TokenError> {
        let iat = now.timestamp();
        let claims = Claims {
            iss: "saas-gateway",
            assertion,
            iat,
            exp: iat + LIFETIME_SECONDS,
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(self.key.kid().to_owned());
        jwt::sign(&header, &claims, &self.encoding)
    }

    /// The keys that verify assertions: the current secret's and the previous one's.
    pub fn key_set(root: &RootSecret) -> Result<KeySet, KeyError> {
        let keys = root
            .derive_accepted(b"", "assertion")
            .iter()
            .map(|seed| Ok(SigningKey::from_seed(seed)?.public().clone()))
            .collect::<Result<_, KeyError>>()?;
        Ok(KeySet { keys })
    }
}
