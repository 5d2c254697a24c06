//! Tokens between the platform's own processes: HS256, one minute, a key per role.

use std::fmt;

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use serde::{Deserialize, Serialize};

use crate::{
    RootSecret,
    jwt::{self, TokenError},
};

const TYPE: &str = "internal+jwt";
const LIFETIME_SECONDS: i64 = 60;

/// Which of our own processes is calling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InternalRole {
    /// The gateway.
    Gateway,
    /// The core service.
    Core,
    /// The registry.
    Registry,
    /// The `saas` command line, used by the operator of the machine.
    Operator,
}

impl InternalRole {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Core => "core",
            Self::Registry => "registry",
            Self::Operator => "operator",
        }
    }

    const ALL: [Self; 4] = [Self::Gateway, Self::Core, Self::Registry, Self::Operator];

    fn purpose(self) -> String {
        format!("internal/{}", self.as_str())
    }
}

#[derive(Serialize, Deserialize)]
struct Claims {
    role: InternalRole,
    iat: i64,
    exp: i64,
}

/// Makes internal tokens for one role.
#[derive(Clone)]
pub struct InternalSigner {
    role: InternalRole,
    key: EncodingKey,
}

impl fmt::Debug for InternalSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InternalSigner({})", self.role.as_str())
    }
}

impl InternalSigner {
    /// For the process that plays `role`.
    pub fn new(root: &RootSecret, role: InternalRole) -> Self {
        let key = root.derive(b"", &role.purpose());
        Self {
            role,
            key: EncodingKey::from_secret(key.as_ref()),
        }
    }

    /// A token that opens internal end points for a minute. Costs a few microseconds.
    pub fn token(&self, now: DateTime<Utc>) -> Result<String, TokenError> {
        let iat = now.timestamp();
        let claims = Claims {
            role: self.role,
            iat,
            exp: iat + LIFETIME_SECONDS,
        };
        let mut header = Header::new(Algorithm::HS256);
        header.typ = Some(TYPE.to_owned());
        jwt::sign(&header, &claims, &self.key)
    }
}

/// Verifies internal tokens of every role.
#[derive(Clone)]
pub struct InternalVerifier {
    keys: Vec<(InternalRole, DecodingKey)>,
}

impl fmt::Debug for InternalVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InternalVerifier(…)")
    }
}

impl InternalVerifier {
    /// Accepts tokens made under the current and the previous secret.
    pub fn new(root: &RootSecret) -> Self {
        let keys = InternalRole::ALL
            .into_iter()
            .flat_map(|role| {
                root.derive_accepted(b"", &role.purpose())
                    .into_iter()
                    .map(move |key| (role, DecodingKey::from_secret(key.as_ref())))
            })
            .collect();
        Self { keys }
    }

    /// Which process made the token. A role's key opens that role and no other: a token that
    /// claims another role than its key's is refused.
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<InternalRole, TokenError> {
        let header = jwt::peek(token)?;
        if header.alg != Algorithm::HS256 || header.typ.as_deref() != Some(TYPE) {
            return Err(TokenError::Algorithm);
        }
        for (role, key) in &self.keys {
            match jwt::verify::<Claims>(token, key, Algorithm::HS256) {
                Ok(claims) if claims.role == *role => {
                    jwt::check_time(claims.iat, claims.exp, now)?;
                    return Ok(*role);
                }
                Ok(_) | Err(TokenError::Signature) => {}
                Err(other) => return Err(other),
            }
        }
        Err(TokenError::Signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn a_token_names_its_role_for_a_minute() {
        let root = RootSecret::new(&[1; 32], None);
        let verifier = InternalVerifier::new(&root);
        for role in InternalRole::ALL {
            let token = InternalSigner::new(&root, role).token(at(0)).unwrap();
            assert_eq!(verifier.verify(&token, at(59)).unwrap(), role);
            assert!(matches!(
                verifier.verify(&token, at(60)),
                Err(TokenError::Expired)
            ));
        }
    }

    #[test]
    fn another_secret_is_refused_and_the_previous_one_is_accepted() {
        let old = RootSecret::new(&[1; 32], None);
        let token = InternalSigner::new(&old, InternalRole::Core)
            .token(at(0))
            .unwrap();
        let new = InternalVerifier::new(&RootSecret::new(&[2; 32], None));
        assert!(matches!(
            new.verify(&token, at(0)),
            Err(TokenError::Signature)
        ));
        let rotating = InternalVerifier::new(&RootSecret::new(&[2; 32], Some(&[1; 32])));
        assert_eq!(rotating.verify(&token, at(0)).unwrap(), InternalRole::Core);
    }
}
