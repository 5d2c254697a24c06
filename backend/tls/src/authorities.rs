//! Whom this process believes when it calls somebody.

use std::{fs, io, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use crate::{TlsError, provider};

const SETTING: &str = "TLS_CA_FILE";

/// For calls to others: believes the system's authorities and those in `extra` (`TLS_CA_FILE`), a
/// PEM file, and speaks TLS 1.2 and 1.3.
///
/// Reads about 150 certificates, which takes milliseconds: make one and share it.
///
/// # Errors
/// When `extra` cannot be read or holds no certificate. That the system has no authorities is told
/// in the log and no error, since everybody called may be of a private one.
pub fn client_config(extra: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
    client_config_of(SETTING, extra)
}

/// The same where another setting than `TLS_CA_FILE` names the file.
///
/// # Errors
/// As [`client_config`] does, in the name of `setting`.
pub fn client_config_of(
    setting: &'static str,
    extra: Option<&Path>,
) -> Result<Arc<ClientConfig>, TlsError> {
    let mut store = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (believed, _unusable) = store.add_parsable_certificates(found.certs);
    if let Some(path) = extra {
        add(&mut store, setting, path)?;
    } else if believed == 0 {
        tracing::warn!(
            "the system has no certificate authorities, so that no https address can be called; \
             install its package ca-certificates, or set SSL_CERT_FILE or TLS_CA_FILE"
        );
    }
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// The text of the PEM file of authorities (`TLS_CA_FILE`), which is seen to hold some, for libraries
/// that read it themselves.
///
/// # Errors
/// When it cannot be read or holds no certificate.
pub fn authorities(path: &Path) -> Result<Vec<u8>, TlsError> {
    add(&mut RootCertStore::empty(), SETTING, path)
}

fn add(store: &mut RootCertStore, setting: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    let pem = read(setting, path)?;
    let wrong = |problem| TlsError::Content {
        setting,
        path: path.to_owned(),
        problem,
    };
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let added = certificate.ok().map(|certificate| store.add(certificate));
        if !matches!(added, Some(Ok(()))) {
            return Err(wrong(
                "holds something that is no certificate; give it the authorities' certificates in PEM form",
            ));
        }
        count += 1;
    }
    if count == 0 {
        return Err(wrong(
            "holds no certificate in PEM form; give it the authorities' certificates",
        ));
    }
    Ok(pem)
}

/// A file's bytes, or the sentence that says why not.
pub(crate) fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| {
        let path = path.to_owned();
        if source.kind() == io::ErrorKind::NotFound {
            TlsError::Missing { setting, path }
        } else {
            TlsError::Unreadable {
                setting,
                path,
                source,
            }
        }
    })
}
