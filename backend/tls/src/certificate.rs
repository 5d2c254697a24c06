//! A certificate with its key, read from files or made elsewhere.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use chrono::{DateTime, TimeDelta, Utc};
use rustls::{
    Error, InconsistentKeys,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};

use crate::{TlsError, authorities::read, dates::validity, provider};

pub(crate) const CERTIFICATE: &str = "TLS_CERT_FILE";
pub(crate) const KEY: &str = "TLS_KEY_FILE";

/// The sooner of these before its end, a certificate is worth a warning: two weeks, for people's
/// certificates of a year and renewed ones of ninety days; a quarter of its life, for those of days.
const NEAR_ITS_END: TimeDelta = TimeDelta::days(14);

/// How long before its end a certificate of this life is worth a warning.
pub(crate) fn near_its_end(not_before: DateTime<Utc>, not_after: DateTime<Utc>) -> TimeDelta {
    NEAR_ITS_END.min((not_after - not_before) / 4)
}

/// Where a certificate and its key lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// PEM: the server's certificate first, then its authorities' up to the root.
    pub certificate: PathBuf,
    /// PEM, without a passphrase.
    pub key: PathBuf,
}

/// A certificate, its chain and its key.
#[derive(Clone, Debug)]
pub struct Certificate {
    pub(crate) certified: Arc<CertifiedKey>,
    /// The names it is for, in lower case; `*.example.com` stands for one label.
    pub names: Vec<String>,
    /// Since when it holds.
    pub not_before: DateTime<Utc>,
    /// Until when it holds.
    pub not_after: DateTime<Utc>,
}

impl Certificate {
    /// Reads both files. `is_strict` refuses a key that everybody may read; else that is a warning.
    ///
    /// # Errors
    /// One sentence for whatever is wrong.
    pub fn read(files: &CertificateFiles, is_strict: bool) -> Result<Self, TlsError> {
        let chain = read(CERTIFICATE, &files.certificate)?;
        let key = read(KEY, &files.key)?;
        look_at_mode(&files.key, is_strict)?;
        let chain = certificates(&chain, &files.certificate)?;
        let key = private_key(&key, &files.key)?;
        Self::new(chain, key).map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::Mismatch {
                certificate: files.certificate.clone(),
                key: files.key.clone(),
            },
            Error::InvalidCertificate(_) => TlsError::Content {
                setting: CERTIFICATE,
                path: files.certificate.clone(),
                problem: "holds a first certificate that cannot be read; issue it again",
            },
            Error::General(_) => TlsError::Content {
                setting: KEY,
                path: files.key.clone(),
                problem: "holds a key of a kind that is not supported; use ECDSA (P-256 or P-384), RSA of 2048 bits at least, or Ed25519",
            },
            other => TlsError::Library(other),
        })
    }

    /// From PEM text, as an authority gives it.
    ///
    /// # Errors
    /// When the text holds no certificate or no key, or they are not of one pair.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, Error> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
        let chain = chain.map_err(|error| Error::General(error.to_string()))?;
        let key = PrivateKeyDer::from_pem_slice(key);
        let key = key.map_err(|error| Error::General(error.to_string()))?;
        Self::new(chain, key)
    }

    /// From a chain and a key.
    ///
    /// # Errors
    /// When the first certificate cannot be read, or the key is not its own.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, Error> {
        let unreadable = || Error::InvalidCertificate(rustls::CertificateError::BadEncoding);
        let first = chain.first().ok_or_else(unreadable)?;
        let (not_before, not_after) = validity(first).ok_or_else(unreadable)?;
        let names = webpki::EndEntityCert::try_from(first)
            .map_err(|_| unreadable())?
            .valid_dns_names()
            .map(str::to_ascii_lowercase)
            .collect();
        Ok(Self {
            certified: Arc::new(CertifiedKey::from_der(chain, key, &provider())?),
            names,
            not_before,
            not_after,
        })
    }

    /// Its first name, for people and figures.
    pub fn name(&self) -> &str {
        self.names.first().map_or("unnamed", String::as_str)
    }

    /// Whether it is for this host, which is in lower case.
    pub fn is_for(&self, host: &str) -> bool {
        let above = host.split_once('.').map(|(_, above)| above);
        self.names.iter().any(|name| {
            name == host
                || name
                    .strip_prefix("*.")
                    .is_some_and(|rest| Some(rest) == above)
        })
    }

    /// What is wrong with its dates at this moment, or will be soon, as a sentence.
    pub fn concern(&self, now: DateTime<Utc>) -> Option<String> {
        let name = self.name();
        if now < self.not_before {
            let begin = self.not_before;
            return Some(format!(
                "the certificate of {name} holds only from {begin}; correct the clock or issue it again"
            ));
        }
        if now >= self.not_after {
            let end = self.not_after;
            return Some(format!(
                "the certificate of {name} expired on {end}; renew it (new files are picked up within a minute)"
            ));
        }
        let near = near_its_end(self.not_before, self.not_after);
        (self.not_after - now < near).then(|| {
            let end = self.not_after;
            format!("the certificate of {name} expires on {end}; renew it")
        })
    }
}

fn certificates(pem: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |problem| TlsError::Content {
        setting: CERTIFICATE,
        path: path.to_owned(),
        problem,
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let chain = chain.map_err(|_| {
        wrong("holds a damaged PEM block; copy it again, with every line from BEGIN to END")
    })?;
    if !chain.is_empty() {
        return Ok(chain);
    }
    Err(wrong(if !is_pem(pem) {
        "is not in PEM form; convert it with `openssl x509 -inform der -in OLD -out NEW`"
    } else if PrivateKeyDer::from_pem_slice(pem).is_ok() {
        "holds a private key and no certificate; TLS_CERT_FILE and TLS_KEY_FILE may be swapped"
    } else {
        "holds no certificate; name the file with the server's certificate and its chain (certbot: fullchain.pem)"
    }))
}

fn private_key(pem: &[u8], path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| TlsError::Content {
        setting: KEY,
        path: path.to_owned(),
        problem: if !is_pem(pem) {
            "is not in PEM form; convert it with `openssl pkey -inform der -in OLD -out NEW`"
        } else if contains(pem, b"ENCRYPTED") {
            "holds a key that a passphrase protects; write it without one with `openssl pkey -in OLD -out NEW`"
        } else if contains(pem, b"BEGIN CERTIFICATE") {
            "holds a certificate and no private key; TLS_CERT_FILE and TLS_KEY_FILE may be swapped"
        } else {
            "holds no private key; name the file with the certificate's key (certbot: privkey.pem)"
        },
    })
}

fn is_pem(bytes: &[u8]) -> bool {
    contains(bytes, b"-----BEGIN ")
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn look_at_mode(path: &Path, is_strict: bool) -> Result<(), TlsError> {
    let is_exposed =
        fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0);
    if !is_exposed {
        return Ok(());
    }
    let exposed = TlsError::Exposed {
        path: path.to_owned(),
    };
    if is_strict {
        return Err(exposed);
    }
    tracing::warn!("{exposed}");
    Ok(())
}

/// What tells whether a file is another than before: a link that was turned shows another file.
pub(crate) fn stamp(path: &Path) -> Option<(u64, u64, i64, i64)> {
    let metadata = fs::metadata(path).ok()?;
    Some((
        metadata.ino(),
        metadata.size(),
        metadata.mtime(),
        metadata.mtime_nsec(),
    ))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(names: &[&str], until: (i32, u8, u8)) -> Certificate {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(until.0, until.1, until.2);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem() + &key.serialize_pem();
        Certificate::from_pem(pem.as_bytes(), pem.as_bytes()).unwrap()
    }

    #[test]
    fn a_star_stands_for_one_label() {
        let certificate = certificate(&["api.test", "*.Shop.test"], (2027, 1, 1));
        assert_eq!(certificate.name(), "api.test");
        for host in ["api.test", "a.shop.test"] {
            assert!(certificate.is_for(host), "{host}");
        }
        for host in ["shop.test", "a.b.shop.test", "test", "", "xapi.test"] {
            assert!(!certificate.is_for(host), "{host}");
        }
    }

    #[test]
    fn it_is_told_of_before_it_ends() {
        let now = |text: &str| text.parse().unwrap();
        let year = certificate(&["a.test"], (2027, 1, 1));
        assert_eq!(year.concern(now("2026-12-17T00:00:00Z")), None);
        let near = year.concern(now("2026-12-19T00:00:00Z")).unwrap();
        assert!(near.contains("a.test expires on 2027-01-01"), "{near}");
        let over = year.concern(now("2027-01-01T00:00:00Z")).unwrap();
        assert!(over.contains("a.test expired on 2027-01-01"), "{over}");
        let early = year.concern(now("2025-12-31T00:00:00Z")).unwrap();
        assert!(early.contains("only from 2026-01-01"), "{early}");
        // One of days is told of in its last quarter.
        let days = certificate(&["a.test"], (2026, 1, 9));
        assert_eq!(days.concern(now("2026-01-06T00:00:00Z")), None);
        assert!(days.concern(now("2026-01-07T12:00:00Z")).is_some());
    }
}
