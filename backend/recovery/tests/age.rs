//! What is encrypted here is read by age, and the other way round.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use std::{
    io::{Read, Write},
    process::{Command, Stdio},
};

use saas_domain::Random;
use saas_recovery::age::{AgeError, Decryptor, Encryptor, Identity, Recipient};

const CHUNK: usize = 64 * 1024;
const LENGTHS: [usize; 6] = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK];

/// A key pair of `age-keygen`.
fn keys() -> (Identity, String) {
    let made = Command::new("age-keygen")
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(made.stdout).unwrap();
    (text.parse().unwrap(), text)
}

fn content(length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| u8::try_from(at * 7 % 251).unwrap())
        .collect()
}

fn encrypted(content: &[u8], recipients: &[Recipient]) -> Vec<u8> {
    let mut to = Encryptor::new(Vec::new(), recipients, &Random::os()).unwrap();
    to.write_all(content).unwrap();
    to.finish().unwrap()
}

fn decrypted(bytes: &[u8], identity: &Identity) -> std::io::Result<Vec<u8>> {
    let mut from = Decryptor::new(bytes, identity).map_err(std::io::Error::other)?;
    let mut content = Vec::new();
    from.read_to_end(&mut content)?;
    Ok(content)
}

/// `age` with this on its standard input.
fn age(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("age")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut to = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writing = std::thread::spawn(move || to.write_all(&input).unwrap());
    let done = child.wait_with_output().unwrap();
    writing.join().unwrap();
    assert!(done.status.success());
    done.stdout
}

#[test]
fn age_reads_what_is_written_here() {
    let (identity, text) = keys();
    let (_, other) = keys();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, text).unwrap();
    let others: Identity = other.parse().unwrap();
    for length in LENGTHS {
        let bytes = encrypted(
            &content(length),
            &[others.recipient(), identity.recipient()],
        );
        let read = age(&["-d", "-i", file.path().to_str().unwrap()], &bytes);
        assert!(read == content(length), "{length}");
    }
}

#[test]
fn what_age_writes_is_read_here() {
    let (identity, _) = keys();
    let recipient = identity.recipient().to_string();
    for length in LENGTHS {
        let bytes = age(&["-r", &recipient], &content(length));
        assert!(
            decrypted(&bytes, &identity).unwrap() == content(length),
            "{length}"
        );
    }
}

#[test]
fn no_byte_can_be_changed_left_out_or_added() {
    let (identity, _) = keys();
    let bytes = encrypted(&content(CHUNK + 100), &[identity.recipient()]);
    for at in (0..bytes.len()).step_by(509).chain(0..260) {
        let mut other = bytes.clone();
        other[at] ^= 1;
        assert!(decrypted(&other, &identity).is_err(), "{at}");
    }
    for length in (0..bytes.len())
        .step_by(509)
        .chain(bytes.len() - 20..bytes.len())
    {
        assert!(decrypted(&bytes[..length], &identity).is_err(), "{length}");
    }
    assert!(decrypted(&[bytes.as_slice(), b"x"].concat(), &identity).is_err());
    // The first chunk alone, or twice.
    let head = bytes.len() - (CHUNK + 16) - (100 + 16);
    assert!(decrypted(&bytes[..head + CHUNK + 16], &identity).is_err());
}

#[test]
fn another_key_opens_nothing_and_says_so() {
    let (identity, _) = keys();
    let (other, _) = keys();
    let bytes = encrypted(b"secret", &[identity.recipient()]);
    assert!(matches!(
        Decryptor::new(bytes.as_slice(), &other),
        Err(AgeError::OtherKey(1))
    ));
    assert!(matches!(
        Decryptor::new(b"hello\n".as_slice(), &other),
        Err(AgeError::NotAge)
    ));
}

#[test]
fn texts_that_are_no_keys_are_refused() {
    let (identity, text) = keys();
    let recipient = identity.recipient().to_string();
    assert!(text.contains(&recipient));
    assert_eq!(
        recipient.parse::<Recipient>().unwrap(),
        identity.recipient()
    );
    for wrong in [
        "",
        "age1",
        &recipient[..recipient.len() - 1],
        &recipient.replace("age1", "aga1"),
        &text,
    ] {
        assert!(wrong.parse::<Recipient>().is_err(), "{wrong}");
    }
    for wrong in [
        "",
        "AGE-SECRET-KEY-1",
        &recipient,
        &format!("{text}\n{text}"),
    ] {
        assert!(wrong.parse::<Identity>().is_err());
    }
    assert_eq!(format!("{identity:?}"), "Identity(…)");
}
