//! Where the manifest lies behind the content.

use super::{Compression, Manifest};

/// The first four bytes of a frame that readers of zstd pass over (RFC 8878, section 3.1.2).
const SKIPPABLE: [u8; 4] = 0x184D_2A5E_u32.to_le_bytes();
/// A gzip member with a comment, of no particular time, level or system (RFC 1952, section 2.3).
const MEMBER: [u8; 10] = [0x1f, 0x8b, 8, 0x10, 0, 0, 0, 0, 0, 255];
/// What ends the member: an end of the comment, an empty deflate block, and checksum and length of
/// nothing.
const EMPTY: [u8; 11] = [0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// Digits of the length.
const DIGITS: usize = 8;
/// Longer than any manifest: tables are few.
pub(super) const LONGEST: usize = 1024 * 1024;

/// The manifest as the last bytes of a backup.
pub(super) fn write(manifest: &Manifest, compression: Compression) -> Vec<u8> {
    // ASCII, since gzip's comments are Latin-1 and end with a zero.
    let text = ascii(&serde_json::to_string(manifest).unwrap_or_default());
    let text = format!("{text}{:0DIGITS$x}", text.len());
    match compression {
        Compression::Zstd => {
            let length = u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes();
            [&SKIPPABLE, &length, text.as_bytes()].concat()
        }
        Compression::Gzip => [&MEMBER, text.as_bytes(), &EMPTY].concat(),
    }
}

/// The manifest at the end of these last bytes of a backup.
pub(super) fn read(end: &[u8], compression: Compression) -> Option<Manifest> {
    let (head, tail): (&[u8], &[u8]) = match compression {
        Compression::Zstd => (&SKIPPABLE, &[]),
        Compression::Gzip => (&MEMBER, &EMPTY),
    };
    let text = end.strip_suffix(tail)?;
    let (rest, digits) = text.split_at_checked(text.len().checked_sub(DIGITS)?)?;
    let length = usize::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    let (before, json) = rest.split_at_checked(rest.len().checked_sub(length)?)?;
    let is_begun = match compression {
        Compression::Gzip => before.ends_with(head),
        Compression::Zstd => {
            let size = u32::try_from(length + DIGITS).ok()?.to_le_bytes();
            before.ends_with(&[head, &size].concat())
        }
    };
    serde_json::from_slice(json).ok().filter(|_| is_begun)
}

fn ascii(json: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter.is_ascii() {
            text.push(letter);
        } else {
            // Beyond ASCII, letters stand within strings alone.
            for unit in letter.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
    }
    text
}
