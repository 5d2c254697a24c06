//! Encryption of backups, in the format of [age](https://age-encryption.org/v1), version 1: whoever
//! has the key reads a backup with `age -d` as well.
//!
//! Of the format only its X25519 recipients are here: a public key encrypts and lies with whoever
//! makes backups, a secret one decrypts and may be kept elsewhere. The `age` crate would bring some
//! seventy crates for it.

mod header;
mod keys;
mod stream;

pub use header::AgeError;
pub use keys::{Identity, KeyTextError, Recipient};
pub use stream::{Decryptor, Encryptor};

/// Bytes of the key that encrypts one file.
const FILE_KEY: usize = 16;
