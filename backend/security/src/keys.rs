//! Ed25519 signing keys and their public halves as JSON Web Keys (RFC 8037).

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    digest::{SHA256, digest},
    signature::{Ed25519KeyPair, KeyPair as _},
};
use saas_domain::Random;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The bytes are not a usable key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The seed was refused by the signature library.
    #[error("the bytes are not an Ed25519 seed")]
    Seed,
}

/// A public key as a JSON Web Key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    /// Key type: `OKP`.
    pub kty: String,
    /// Curve: `Ed25519`.
    pub crv: String,
    /// The public key, base64url without padding.
    pub x: String,
    /// Key identifier: the RFC 7638 thumbprint.
    pub kid: String,
    /// Algorithm: `EdDSA`.
    pub alg: String,
    /// Use: `sig`.
    #[serde(rename = "use")]
    pub usage: String,
}

/// A JSON Web Key Set (RFC 7517).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySet {
    /// The keys that may verify, newest first.
    pub keys: Vec<PublicKey>,
}

/// An Ed25519 key that signs. Never prints.
#[derive(Clone)]
pub struct SigningKey {
    seed: Zeroizing<[u8; 32]>,
    public: PublicKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public.kid)
    }
}

impl SigningKey {
    /// A fresh random key.
    pub fn generate(random: &Random) -> Result<Self, KeyError> {
        Self::from_seed(&random.bytes())
    }

    /// The key that grows from 32 bytes.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Seed)?;
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        Ok(Self {
            seed: Zeroizing::new(*seed),
            public: PublicKey {
                kid: thumbprint(&x),
                kty: "OKP".into(),
                crv: "Ed25519".into(),
                x,
                alg: "EdDSA".into(),
                usage: "sig".into(),
            },
        })
    }

    /// The 32 bytes it grew from, to be stored sealed.
    pub fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    /// Its identifier.
    pub fn kid(&self) -> &str {
        &self.public.kid
    }

    /// Its public half.
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }
}

/// RFC 7638: SHA-256 over the required members in lexical order.
fn thumbprint(x: &str) -> String {
    let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_the_one_of_rfc_8037_appendix_a_3() {
        assert_eq!(
            thumbprint("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    #[test]
    fn a_seed_gives_the_same_key_again() {
        let key = SigningKey::generate(&Random::seeded(1)).unwrap();
        assert_eq!(
            SigningKey::from_seed(key.seed()).unwrap().public(),
            key.public()
        );
    }
}
