//! The root secret and the keys that derive from it.

use std::fmt;

use ring::hkdf;
use zeroize::Zeroizing;

/// `SECRET_KEY`, and `SECRET_KEY_PREVIOUS` while it is being rotated. Never prints.
#[derive(Clone)]
pub struct RootSecret {
    current: Zeroizing<Vec<u8>>,
    previous: Option<Zeroizing<Vec<u8>>>,
}

impl fmt::Debug for RootSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootSecret(…)")
    }
}

/// A derived key of 32 bytes.
pub(crate) type Key = Zeroizing<[u8; 32]>;

impl RootSecret {
    /// Takes the secrets as they stand in the settings. Their strength is the settings' concern.
    pub fn new(current: &[u8], previous: Option<&[u8]>) -> Self {
        Self {
            current: Zeroizing::new(current.to_vec()),
            previous: previous.map(|p| Zeroizing::new(p.to_vec())),
        }
    }

    /// A name for a purpose that no other installation has, of 16 hexadecimal digits. It tells
    /// nothing of the secret. While the secret is rotated it stays: it is the previous one's.
    pub fn mark(&self, purpose: &str) -> String {
        let oldest = self.previous.as_ref().unwrap_or(&self.current);
        let key = expand(oldest, b"mark", purpose);
        let (first, _) = key.split_first_chunk().unwrap_or((&[0; 8], &[]));
        format!("{:016x}", u64::from_be_bytes(*first))
    }

    /// The key for a purpose (HKDF-SHA-256, RFC 5869), under the current secret.
    pub(crate) fn derive(&self, salt: &[u8], purpose: &str) -> Key {
        expand(&self.current, salt, purpose)
    }

    /// Keys that may verify or open what was made earlier: the current one, then the previous.
    pub(crate) fn derive_accepted(&self, salt: &[u8], purpose: &str) -> Vec<Key> {
        std::iter::once(&self.current)
            .chain(self.previous.as_ref())
            .map(|secret| expand(secret, salt, purpose))
            .collect()
    }
}

fn expand(secret: &[u8], salt: &[u8], purpose: &str) -> Key {
    let mut key = Zeroizing::new([0; 32]);
    let info = [b"saas/", purpose.as_bytes()];
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret);
    let filled = prk
        .expand(&info, hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(key.as_mut()));
    #[expect(
        clippy::expect_used,
        reason = "fails only beyond 255 hash lengths or for a buffer of another length; both are fixed here"
    )]
    filled.expect("32 bytes are within HKDF's limit");
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_and_salts_give_unrelated_keys() {
        let root = RootSecret::new(b"0123456789abcdef0123456789abcdef", None);
        assert_eq!(root.derive(b"a", "x"), root.derive(b"a", "x"));
        assert_ne!(root.derive(b"a", "x"), root.derive(b"a", "y"));
        assert_ne!(root.derive(b"a", "x"), root.derive(b"b", "x"));
        assert_eq!(root.mark("x").len(), 16);
        assert_ne!(root.mark("x"), root.mark("y"));
        let rotated = RootSecret::new(b"another", Some(b"0123456789abcdef0123456789abcdef"));
        assert_eq!(root.mark("x"), rotated.mark("x"));
        assert!(!format!("{root:?}").contains("0123"));
    }
}
