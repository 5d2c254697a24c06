//! The head of a file: the key that encrypts it, encrypted for each recipient.

use std::io::{self, BufRead, Write};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf, hmac,
};
use saas_domain::Random;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::{FILE_KEY, Identity, Recipient};

const VERSION: &str = "age-encryption.org/v1";
const X25519: &str = "age-encryption.org/v1/X25519";
/// Bytes of the longest head that is read: a few recipients take some hundred each.
const LONGEST: usize = 64 * 1024;
/// Columns at which a body is wrapped.
const COLUMNS: usize = 64;

/// Why an encrypted file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum AgeError {
    /// It could not be read.
    #[error("the encrypted backup cannot be read")]
    Read(#[source] io::Error),
    /// It is not what age writes.
    #[error(
        "the backup is called .age and is not encrypted by age, or was damaged; take another one"
    )]
    NotAge,
    /// None of its recipients is this key's.
    #[error(
        "the backup is encrypted for another key than BACKUP_IDENTITY; give the secret key of {0} recipients that it has"
    )]
    OtherKey(usize),
    /// The head was altered.
    #[error("the backup was altered: its head is not what was written; take another one")]
    Altered,
}

pub(super) type FileKey = Zeroizing<[u8; FILE_KEY]>;

/// HKDF-SHA-256 to 32 bytes.
pub(super) fn derive(secret: &[u8], salt: &[u8], info: &str) -> Zeroizing<[u8; 32]> {
    struct Length;
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            32
        }
    }
    let mut key = Zeroizing::new([0; 32]);
    let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret);
    let info = [info.as_bytes()];
    // 32 bytes are far below what HKDF gives at most.
    if let Ok(expanded) = extracted.expand(&info, Length) {
        let _ = expanded.fill(&mut *key);
    }
    key
}

/// The cipher under this key.
pub(super) fn cipher(key: &[u8; 32]) -> Option<LessSafeKey> {
    UnboundKey::new(&CHACHA20_POLY1305, key)
        .ok()
        .map(LessSafeKey::new)
}

fn mac(key: &FileKey) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &*derive(&**key, &[], "header"))
}

/// Writes the head for these recipients.
pub(super) fn write(
    to: &mut impl Write,
    key: &FileKey,
    recipients: &[Recipient],
    random: &Random,
) -> io::Result<()> {
    let mut head = format!("{VERSION}\n");
    for recipient in recipients {
        let secret = StaticSecret::from(random.bytes::<32>());
        let share = PublicKey::from(&secret);
        let shared = Zeroizing::new(secret.diffie_hellman(&recipient.0).to_bytes());
        let salt = [share.as_bytes().as_slice(), recipient.as_bytes()].concat();
        let mut body = key.to_vec();
        let sealed = cipher(&derive(&*shared, &salt, X25519)).and_then(|cipher| {
            let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
            cipher
                .seal_in_place_append_tag(nonce, Aad::empty(), &mut body)
                .ok()
        });
        sealed.ok_or_else(|| io::Error::other("the key could not be encrypted"))?;
        let (share, body) = (
            STANDARD_NO_PAD.encode(share.as_bytes()),
            STANDARD_NO_PAD.encode(body),
        );
        // A body shorter than a line ends the stanza; this one always is.
        head.extend(["-> X25519 ", &share, "\n", &body, "\n"]);
    }
    head.push_str("---");
    let tag = hmac::sign(&mac(key), head.as_bytes());
    writeln!(to, "{head} {}", STANDARD_NO_PAD.encode(tag.as_ref()))
}

/// Reads the head and opens it with this secret.
pub(super) fn read(from: &mut impl BufRead, identity: &Identity) -> Result<FileKey, AgeError> {
    let mut head = Vec::new();
    let mut stanzas: Vec<(String, String)> = Vec::new();
    let first = line(from, &mut head)?;
    if first != VERSION {
        return Err(AgeError::NotAge);
    }
    let tag = loop {
        let before = head.len();
        let text = line(from, &mut head)?;
        if let Some(tag) = text.strip_prefix("--- ") {
            head.truncate(before + "---".len());
            break STANDARD_NO_PAD.decode(tag).map_err(|_| AgeError::NotAge)?;
        }
        if let Some(arguments) = text.strip_prefix("-> ") {
            let mut body = String::new();
            loop {
                let piece = line(from, &mut head)?;
                body.push_str(&piece);
                if piece.len() < COLUMNS {
                    break;
                }
            }
            stanzas.push((arguments.to_owned(), body));
        } else {
            return Err(AgeError::NotAge);
        }
    };
    let key = stanzas
        .iter()
        .find_map(|(arguments, body)| open(arguments, body, identity));
    let key = key.ok_or(AgeError::OtherKey(stanzas.len()))?;
    hmac::verify(&mac(&key), &head, &tag).map_err(|_| AgeError::Altered)?;
    Ok(key)
}

fn open(arguments: &str, body: &str, identity: &Identity) -> Option<FileKey> {
    let share = arguments.strip_prefix("X25519 ")?;
    let share: [u8; 32] = STANDARD_NO_PAD.decode(share).ok()?.try_into().ok()?;
    let mut body = STANDARD_NO_PAD.decode(body).ok()?;
    let shared = identity.0.diffie_hellman(&PublicKey::from(share));
    // A share of small order would make the key known to everybody.
    if !shared.was_contributory() {
        return None;
    }
    let shared = Zeroizing::new(shared.to_bytes());
    let salt = [share.as_slice(), identity.recipient().as_bytes()].concat();
    let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
    let cipher = cipher(&derive(&*shared, &salt, X25519))?;
    let key = cipher.open_in_place(nonce, Aad::empty(), &mut body).ok()?;
    <[u8; FILE_KEY]>::try_from(&*key).ok().map(Zeroizing::new)
}

/// The next line without its end; it is kept in `head` with it.
fn line(from: &mut impl BufRead, head: &mut Vec<u8>) -> Result<String, AgeError> {
    use std::io::Read as _;
    let before = head.len();
    let room = (LONGEST.saturating_sub(before)) as u64;
    from.take(room)
        .read_until(b'\n', head)
        .map_err(AgeError::Read)?;
    let text = head.get(before..).and_then(|line| line.strip_suffix(b"\n"));
    let text = text.and_then(|line| std::str::from_utf8(line).ok());
    text.map(str::to_owned).ok_or(AgeError::NotAge)
}
