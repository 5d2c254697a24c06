//! Envelope encryption of secrets at rest: ChaCha20-Poly1305 (RFC 8439) under a key that derives
//! from `SECRET_KEY` and the installation's identifier.

use std::fmt;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use saas_domain::Random;

use crate::{RootSecret, root::Key};

const PURPOSE: &str = "envelope";

/// Why sealed bytes could not be opened, or plain ones sealed.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// Wrong key, wrong context, or altered bytes: these cannot be told apart.
    #[error(
        "a stored secret could not be decrypted: SECRET_KEY is not the one it was stored under \
         (set SECRET_KEY_PREVIOUS while rotating), or the data was altered"
    )]
    Open,
    /// The cipher refused; does not happen for sizes used here.
    #[error("a secret could not be encrypted")]
    Seal,
}

/// Seals and opens. The context (a table, a column, a row's key) is authenticated with the data,
/// so that a sealed value copied to another place does not open there.
#[derive(Clone)]
pub struct Envelope {
    current: Key,
    accepted: Vec<Key>,
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Envelope(…)")
    }
}

impl Envelope {
    /// For one installation.
    pub fn new(root: &RootSecret, installation: uuid::Uuid) -> Self {
        Self {
            current: root.derive(installation.as_bytes(), PURPOSE),
            accepted: root.derive_accepted(installation.as_bytes(), PURPOSE),
        }
    }

    /// Nonce, then ciphertext with its tag: 28 bytes more than the plain text. Nonces are random;
    /// 96 bits allow 2³² messages under one key, far beyond what is stored here.
    pub fn seal(
        &self,
        plain: &[u8],
        context: &str,
        random: &Random,
    ) -> Result<Vec<u8>, EnvelopeError> {
        let nonce: [u8; NONCE_LEN] = random.bytes();
        let mut text = plain.to_vec();
        cipher(&self.current)
            .ok_or(EnvelopeError::Seal)?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context.as_bytes()),
                &mut text,
            )
            .map_err(|_| EnvelopeError::Seal)?;
        let mut sealed = nonce.to_vec();
        sealed.append(&mut text);
        Ok(sealed)
    }

    /// The plain text, under the current secret or the previous one.
    pub fn open(&self, sealed: &[u8], context: &str) -> Result<Vec<u8>, EnvelopeError> {
        self.accepted
            .iter()
            .find_map(|key| open_with(key, sealed, context))
            .ok_or(EnvelopeError::Open)
    }

    /// The same under the current secret; `None` if it is already.
    pub fn renew(
        &self,
        sealed: &[u8],
        context: &str,
        random: &Random,
    ) -> Result<Option<Vec<u8>>, EnvelopeError> {
        if open_with(&self.current, sealed, context).is_some() {
            return Ok(None);
        }
        let plain = self.open(sealed, context)?;
        self.seal(&plain, context, random).map(Some)
    }
}

fn open_with(key: &Key, sealed: &[u8], context: &str) -> Option<Vec<u8>> {
    let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
    let mut text = text.to_vec();
    let plain = cipher(key)?
        .open_in_place(
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(context.as_bytes()),
            &mut text,
        )
        .ok()?
        .len();
    text.truncate(plain);
    Some(text)
}

fn cipher(key: &Key) -> Option<LessSafeKey> {
    UnboundKey::new(&CHACHA20_POLY1305, key.as_ref())
        .ok()
        .map(LessSafeKey::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_only_in_its_place_with_its_key() {
        let random = Random::seeded(1);
        let id = uuid::Uuid::nil();
        let root = RootSecret::new(&[1; 32], None);
        let envelope = Envelope::new(&root, id);
        let sealed = envelope.seal(b"seed", "signing_keys", &random).unwrap();
        assert_eq!(envelope.open(&sealed, "signing_keys").unwrap(), b"seed");
        assert!(envelope.open(&sealed, "elsewhere").is_err());
        assert!(envelope.open(&sealed[..20], "signing_keys").is_err());
        let mut altered = sealed.clone();
        altered[15] ^= 1;
        assert!(envelope.open(&altered, "signing_keys").is_err());

        let rotated = Envelope::new(&RootSecret::new(&[2; 32], Some(&[1; 32])), id);
        assert_eq!(rotated.open(&sealed, "signing_keys").unwrap(), b"seed");
        let stranger = Envelope::new(&RootSecret::new(&[2; 32], None), id);
        assert!(stranger.open(&sealed, "signing_keys").is_err());
        assert!(stranger.renew(&sealed, "signing_keys", &random).is_err());

        let renewed = rotated.renew(&sealed, "signing_keys", &random).unwrap();
        let renewed = renewed.unwrap();
        assert_eq!(stranger.open(&renewed, "signing_keys").unwrap(), b"seed");
        let again = rotated.renew(&renewed, "signing_keys", &random).unwrap();
        assert_eq!(again, None);
    }
}
