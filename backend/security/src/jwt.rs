//! JSON Web Tokens with exactly two algorithms: EdDSA for people's tokens, HS256 between our own
//! processes.
//!
//! `jsonwebtoken` does the format; the cryptography is *ring*'s, plugged in here, so that neither
//! RSA nor the NIST curves are in the binary. Time is checked here, against the injected clock.

use std::sync::Once;

use chrono::{DateTime, Utc};
use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, EncodingKey, Header, Validation,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::{ErrorKind, Result as JwtResult},
    signature::{Error as SignatureError, Signer, Verifier},
};
use ring::{hmac, signature};
use serde::{Serialize, de::DeserializeOwned};

/// How far two machines' clocks may differ, in seconds.
const LEEWAY_SECONDS: i64 = 5;

/// A token longer than this is refused before any work: header values of this size are abuse.
const MAX_TOKEN_BYTES: usize = 8192;

/// Why a token was refused. The texts are safe to show: they say nothing of keys.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Not three base64url parts of JSON with the expected claims.
    #[error("the token is malformed")]
    Malformed(#[source] Option<jsonwebtoken::errors::Error>),
    /// Signed with an algorithm, or of a type, that is not accepted here.
    #[error("the token's algorithm or type is not accepted here")]
    Algorithm,
    /// Its `kid` is in no key set known here.
    #[error("the token was signed with an unknown key")]
    UnknownKey,
    /// The signature does not match.
    #[error("the token's signature is wrong")]
    Signature,
    /// Somebody else issued it.
    #[error("the token was issued by somebody else")]
    Issuer,
    /// Meant for somebody else.
    #[error("the token is meant for somebody else")]
    Audience,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come: the issuer's clock is ahead of this one's.
    #[error("the token is not valid yet; compare the clocks of the machines")]
    NotYetValid,
    /// It could not be made.
    #[error("the token could not be signed")]
    Signing(#[source] jsonwebtoken::errors::Error),
}

/// The token's `kid` and `typ`, before anything is verified.
pub(crate) fn peek(token: &str) -> Result<Header, TokenError> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(TokenError::Malformed(None));
    }
    install_provider();
    jsonwebtoken::decode_header(token).map_err(refused)
}

/// Signs the claims.
pub(crate) fn sign<T: Serialize>(
    header: &Header,
    claims: &T,
    key: &EncodingKey,
) -> Result<String, TokenError> {
    install_provider();
    jsonwebtoken::encode(header, claims, key).map_err(TokenError::Signing)
}

/// Verifies the signature and returns the claims. Who issued the token, for whom and when is left
/// to the caller, who has typed claims and a clock: see [`check_time`].
pub(crate) fn verify<T: DeserializeOwned>(
    token: &str,
    key: &DecodingKey,
    algorithm: Algorithm,
) -> Result<T, TokenError> {
    install_provider();
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    jsonwebtoken::decode(token, key, &validation)
        .map(|data| data.claims)
        .map_err(refused)
}

/// Refuses what has expired or comes from the future.
pub(crate) fn check_time(iat: i64, exp: i64, now: DateTime<Utc>) -> Result<(), TokenError> {
    let now = now.timestamp();
    if now >= exp {
        Err(TokenError::Expired)
    } else if iat > now + LEEWAY_SECONDS {
        Err(TokenError::NotYetValid)
    } else {
        Ok(())
    }
}

fn refused(error: jsonwebtoken::errors::Error) -> TokenError {
    match error.kind() {
        ErrorKind::InvalidSignature => TokenError::Signature,
        ErrorKind::InvalidAlgorithm
        | ErrorKind::InvalidAlgorithmName
        | ErrorKind::MissingAlgorithm
        | ErrorKind::UnsupportedAlgorithm
        | ErrorKind::InvalidKeyFormat => TokenError::Algorithm,
        _ => TokenError::Malformed(Some(error)),
    }
}

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| match (algorithm, key.family()) {
        (Algorithm::EdDSA, AlgorithmFamily::Ed) => Ok(Box::new(EdDsa::from_seed(key)?)),
        (Algorithm::HS256, AlgorithmFamily::Hmac) => Ok(Box::new(Hs256::new(key.as_bytes()))),
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    },
    verifier_factory: |algorithm, key| match (algorithm, key.family()) {
        (Algorithm::EdDSA, AlgorithmFamily::Ed) => {
            Ok(Box::new(EdDsaPublic(key.try_get_as_bytes()?.to_vec())))
        }
        (Algorithm::HS256, AlgorithmFamily::Hmac) => {
            Ok(Box::new(Hs256::new(key.try_get_as_bytes()?)))
        }
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    },
    key_utils: KeyUtils::new_unimplemented(),
};

fn install_provider() {
    static ONCE: Once = Once::new();
    // A provider that somebody else installed first would also do EdDSA and HS256.
    ONCE.call_once(|| {
        let _already_installed = PROVIDER.install_default();
    });
}

struct Hs256(hmac::Key);

impl Hs256 {
    fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }
}

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, SignatureError> {
        Ok(hmac::sign(&self.0, message).as_ref().to_vec())
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, message: &[u8], tag: &Vec<u8>) -> Result<(), SignatureError> {
        hmac::verify(&self.0, message, tag).map_err(|_| SignatureError::new())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

struct EdDsa(signature::Ed25519KeyPair);

impl EdDsa {
    fn from_seed(key: &EncodingKey) -> JwtResult<Self> {
        signature::Ed25519KeyPair::from_seed_unchecked(key.as_bytes())
            .map(Self)
            .map_err(|_| ErrorKind::InvalidEddsaKey.into())
    }
}

impl Signer<Vec<u8>> for EdDsa {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, SignatureError> {
        Ok(self.0.sign(message).as_ref().to_vec())
    }
}

impl JwtSigner for EdDsa {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

struct EdDsaPublic(Vec<u8>);

impl Verifier<Vec<u8>> for EdDsaPublic {
    fn verify(&self, message: &[u8], tag: &Vec<u8>) -> Result<(), SignatureError> {
        signature::UnparsedPublicKey::new(&signature::ED25519, &self.0)
            .verify(message, tag)
            .map_err(|_| SignatureError::new())
    }
}

impl JwtVerifier for EdDsaPublic {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}
