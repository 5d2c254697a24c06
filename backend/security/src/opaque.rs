//! Opaque tokens: random, meaningless, stored only as their digest.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest::SHA256;
use saas_domain::Random;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// A fresh token of 256 random bits. Never prints; [`OpaqueToken::expose`] is the one way out.
#[derive(Clone)]
pub struct OpaqueToken(Zeroizing<String>);

impl fmt::Debug for OpaqueToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpaqueToken(…)")
    }
}

impl OpaqueToken {
    /// `prefix` tells people and secret scanners what it is, `rt_` say.
    pub fn generate(prefix: &str, random: &Random) -> Self {
        let body = URL_SAFE_NO_PAD.encode(random.bytes::<32>());
        Self(Zeroizing::new(format!("{prefix}{body}")))
    }

    /// The token itself, to be handed to its owner once.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored.
    pub fn digest(&self) -> [u8; 32] {
        digest(&self.0)
    }
}

/// SHA-256 of a token. Enough for 256 random bits; passwords need Argon2.
pub fn digest(token: &str) -> [u8; 32] {
    let mut out = [0; 32];
    let hash = ring::digest::digest(&SHA256, token.as_bytes());
    for (to, from) in out.iter_mut().zip(hash.as_ref()) {
        *to = *from;
    }
    out
}

/// Compares secrets without telling by its duration where they differ. Their length is no secret.
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}
