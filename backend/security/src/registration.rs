//! Registration tokens: a business service proves with one that it may register under its name.

use std::fmt;

use chrono::{DateTime, Duration, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use saas_domain::ServiceName;
use serde::{Deserialize, Serialize};

use crate::{
    RootSecret,
    jwt::{self, TokenError},
};

const TYPE: &str = "registration+jwt";
const PURPOSE: &str = "registration";

/// What a registration token allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationGrant {
    /// The one service whose instances it may register.
    pub service: ServiceName,
    /// Whether it may declare paths that need no token.
    pub may_declare_public: bool,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    service: ServiceName,
    #[serde(default)]
    public: bool,
    iat: i64,
    exp: i64,
}

/// Makes and verifies registration tokens.
#[derive(Clone)]
pub struct RegistrationTokens {
    signing: EncodingKey,
    accepted: Vec<DecodingKey>,
}

impl fmt::Debug for RegistrationTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RegistrationTokens(…)")
    }
}

impl RegistrationTokens {
    /// Under the current secret; those of the previous one are still accepted.
    pub fn new(root: &RootSecret) -> Self {
        Self {
            signing: EncodingKey::from_secret(root.derive(b"", PURPOSE).as_ref()),
            accepted: root
                .derive_accepted(b"", PURPOSE)
                .iter()
                .map(|key| DecodingKey::from_secret(key.as_ref()))
                .collect(),
        }
    }

    /// A token for one service, valid for `valid`.
    pub fn issue(
        &self,
        service: &ServiceName,
        may_declare_public: bool,
        valid: Duration,
        now: DateTime<Utc>,
    ) -> Result<String, TokenError> {
        let claims = Claims {
            service: service.clone(),
            public: may_declare_public,
            iat: now.timestamp(),
            exp: now.timestamp().saturating_add(valid.num_seconds()),
        };
        let mut header = Header::new(Algorithm::HS256);
        header.typ = Some(TYPE.to_owned());
        jwt::sign(&header, &claims, &self.signing)
    }

    /// What the token allows at `now`.
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<RegistrationGrant, TokenError> {
        let header = jwt::peek(token)?;
        if header.alg != Algorithm::HS256 || header.typ.as_deref() != Some(TYPE) {
            return Err(TokenError::Algorithm);
        }
        for key in &self.accepted {
            match jwt::verify::<Claims>(token, key, Algorithm::HS256) {
                Ok(claims) => {
                    jwt::check_time(claims.iat, claims.exp, now)?;
                    return Ok(RegistrationGrant {
                        service: claims.service,
                        may_declare_public: claims.public,
                    });
                }
                Err(TokenError::Signature) => {}
                Err(other) => return Err(other),
            }
        }
        Err(TokenError::Signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{InternalRole, InternalSigner};

    #[test]
    fn a_token_is_bound_to_its_service_and_to_its_time() {
        let tokens = RegistrationTokens::new(&RootSecret::new(&[1; 32], None));
        let orders: ServiceName = "orders".parse().unwrap();
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let token = tokens.issue(&orders, true, Duration::days(1), now).unwrap();
        let grant = tokens.verify(&token, now).unwrap();
        assert_eq!(grant.service, orders);
        assert!(grant.may_declare_public);
        let later = now + Duration::days(1);
        assert!(matches!(
            tokens.verify(&token, later),
            Err(TokenError::Expired)
        ));
    }

    #[test]
    fn an_internal_token_is_no_registration_token() {
        let root = RootSecret::new(&[1; 32], None);
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let token = InternalSigner::new(&root, InternalRole::Core)
            .token(now)
            .unwrap();
        let refused = RegistrationTokens::new(&root).verify(&token, now);
        assert!(matches!(refused, Err(TokenError::Algorithm)));
    }
}
