//! TLS, once for everything: whom this process believes, and what it shows to those who connect.
//!
//! One library, rustls, with one provider of cryptography, ring, which signs and verifies tokens
//! already. Nothing of the system's is linked in, so that a container needs no patch of OpenSSL. The
//! authorities are the system's, looked up where its own programs look (`SSL_CERT_FILE`,
//! `SSL_CERT_DIR`, `/etc/ssl/certs`), rather than a list that is compiled in: an operator who takes
//! an authority away, or adds one, does so in one place, and a binary of last year believes whom
//! the system believes today. An image without a shell has that one file as well.

mod authorities;
mod certificate;
mod dates;
mod error;
mod peer;
mod serving;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

pub use authorities::{authorities, client_config, client_config_of};
pub use certificate::{Certificate, CertificateFiles};
pub use error::TlsError;
pub use peer::Peer;
pub use rustls;
pub use serving::{Identity, LeastVersion, Proof, ServingTls};

/// The cryptography, named wherever it is used, so that nothing depends on a default of the process.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
