//! Passwords, tokens, keys and envelope encryption. No I/O: callers bring time and randomness.
//!
//! Every key but the random signing keys derives from one root, `SECRET_KEY`, by HKDF-SHA-256 with
//! a purpose of its own ([`RootSecret`]), so that knowing one tells nothing of another.

mod access;
mod assertion;
mod csrf;
mod envelope;
mod file_seal;
mod internal;
mod jwt;
mod keys;
mod opaque;
mod password;
mod registration;
mod root;
mod signed_json;

pub use access::{AccessVerifier, sign_access};
pub use assertion::{Assertion, AssertionSigner};
pub use csrf::{csrf_token, verify_csrf};
pub use envelope::{Envelope, EnvelopeError};
pub use file_seal::FileSeal;
pub use internal::{InternalRole, InternalSigner, InternalVerifier};
pub use jwt::TokenError;
pub use keys::{KeyError, KeySet, PublicKey, SigningKey};
pub use opaque::{OpaqueToken, constant_time_eq, digest};
pub use password::{
    PasswordError, WeakPassword, check_strength, hash_password, needs_rehash, one_time_password,
    verify_password,
};
pub use registration::{RegistrationGrant, RegistrationTokens};
pub use root::RootSecret;
