//! From settings to what serves https.

use std::{net::TcpListener, sync::Arc};

use saas_config::Settings;
use saas_tls::{CertificateFiles, Identity, LeastVersion, ServingTls, TlsError};

/// What serves https.
pub struct Https {
    /// What is shown, and to whom.
    pub tls: Arc<ServingTls>,
    /// One for each thread, all on one address, as many as for plain HTTP.
    pub listeners: Vec<TcpListener>,
    /// Where everybody is told to come by https, if anywhere.
    pub redirect: Option<TcpListener>,
}

/// What the settings say of TLS, with its certificates read; `None` where no https is asked for.
///
/// # Errors
/// One sentence for whatever is wrong with the files.
pub fn serving_tls(settings: &Settings) -> Result<Option<Arc<ServingTls>>, TlsError> {
    if !settings.tls.is_served() {
        return Ok(None);
    }
    let files = settings.tls.certificates.iter();
    let files = files.map(|(certificate, key)| CertificateFiles {
        certificate: certificate.clone(),
        key: key.clone(),
    });
    let identity = if settings.tls.acme.is_some() {
        Identity::Given
    } else {
        Identity::Files(files.collect())
    };
    let least = if settings.tls.only_tls13 {
        LeastVersion::Tls13
    } else {
        LeastVersion::Tls12
    };
    let is_strict = settings.environment.is_production();
    ServingTls::new(identity, least, is_strict).map(|tls| Some(Arc::new(tls)))
}
