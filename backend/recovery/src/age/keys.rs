//! Keys as people write them.

use std::{fmt, str::FromStr};

use bech32::{Bech32, Hrp};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

const RECIPIENT: &str = "age";
const IDENTITY: &str = "AGE-SECRET-KEY-";

/// It is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyTextError {
    /// A public key is expected.
    #[error("expected a public key of age, such as `age1…`, made by `age-keygen`")]
    Recipient,
    /// A secret key is expected.
    #[error("expected a secret key of age, such as `AGE-SECRET-KEY-1…`, made by `age-keygen`")]
    Identity,
}

/// For whom a file is encrypted: `age1…`.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient(pub(super) PublicKey);

/// What decrypts it: `AGE-SECRET-KEY-1…`.
#[derive(Clone)]
pub struct Identity(pub(super) StaticSecret);

impl Recipient {
    /// 32 bytes.
    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl Identity {
    /// Whose secret it is.
    pub fn recipient(&self) -> Recipient {
        Recipient(PublicKey::from(&self.0))
    }
}

impl FromStr for Recipient {
    type Err = KeyTextError;

    fn from_str(text: &str) -> Result<Self, KeyTextError> {
        let bytes = decoded(text.trim(), RECIPIENT).ok_or(KeyTextError::Recipient)?;
        Ok(Self(PublicKey::from(*bytes)))
    }
}

impl FromStr for Identity {
    type Err = KeyTextError;

    /// The key alone, or a file of `age-keygen` with comments before it.
    fn from_str(text: &str) -> Result<Self, KeyTextError> {
        let lines = text.lines().map(str::trim);
        let mut keys = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let (Some(key), None) = (keys.next(), keys.next()) else {
            return Err(KeyTextError::Identity);
        };
        let bytes = decoded(key, IDENTITY).ok_or(KeyTextError::Identity)?;
        Ok(Self(StaticSecret::from(*bytes)))
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hrp = Hrp::parse(RECIPIENT).map_err(|_| fmt::Error)?;
        let text = bech32::encode::<Bech32>(hrp, self.as_bytes()).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({self})")
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(…)")
    }
}

fn decoded(text: &str, prefix: &str) -> Option<Zeroizing<[u8; 32]>> {
    let parsed = bech32::primitives::decode::CheckedHrpstring::new::<Bech32>(text).ok()?;
    if parsed.hrp() != Hrp::parse(prefix).ok()? {
        return None;
    }
    let bytes: Zeroizing<Vec<u8>> = Zeroizing::new(parsed.byte_iter().collect());
    <[u8; 32]>::try_from(bytes.as_slice())
        .ok()
        .map(Zeroizing::new)
}
