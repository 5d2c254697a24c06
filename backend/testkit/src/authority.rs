//! An authority of a test's own, and what it certifies.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use crate::servers::ServersError;

/// A certificate authority that nobody but a test believes.
pub struct TestAuthority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate with its key, in PEM form.
#[derive(Clone, Debug)]
pub struct TestCertificate {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

fn failed(error: rcgen::Error) -> ServersError {
    ServersError::Certificate(Box::new(error))
}

impl TestAuthority {
    /// Makes one, with a key of its own.
    ///
    /// # Errors
    /// When the library refuses.
    pub fn new(name: &str) -> Result<Self, ServersError> {
        let mut params = CertificateParams::new(Vec::new()).map_err(failed)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().map_err(failed)?;
        let pem = params.self_signed(&key).map_err(failed)?.pem();
        Ok(Self {
            issuer: Issuer::new(params, key),
            pem,
        })
    }

    /// Its own certificate, which whoever believes it is given.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for these hosts and addresses.
    ///
    /// # Errors
    /// When the library refuses.
    pub fn issue(&self, names: &[&str]) -> Result<TestCertificate, ServersError> {
        self.issue_until(names, 2090)
    }

    /// The same, which ends when a year begins.
    ///
    /// # Errors
    /// When the library refuses.
    pub fn issue_until(&self, names: &[&str], year: i32) -> Result<TestCertificate, ServersError> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).map_err(failed)?;
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        Ok(TestCertificate {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }
}

impl TestCertificate {
    /// Writes both into a directory, over what was there: `NAME.pem` and `NAME.key`, the key for its
    /// owner alone.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write(&self, directory: &Path, name: &str) -> Result<(PathBuf, PathBuf), ServersError> {
        let certificate = directory.join(format!("{name}.pem"));
        let key = directory.join(format!("{name}.key"));
        let written = fs::write(&certificate, &self.certificate).and_then(|()| {
            File::options()
                .create(true)
                .truncate(true)
                .write(true)
                .mode(0o600)
                .open(&key)?
                .write_all(self.key.as_bytes())
        });
        written.map_err(ServersError::io("write a certificate"))?;
        Ok((certificate, key))
    }
}
