//! `DATA_DIR/acme`: the account, the certificate with its key, and how often it was tried in vain.
//! For this user alone, each file written in one step.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use instant_acme::AccountCredentials;
use saas_tls::{Certificate, rustls};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

const ACCOUNT: &str = "account.json";
const CERTIFICATE: &str = "certificate.pem";
const ATTEMPTS: &str = "attempts.json";

/// Where it lies.
#[derive(Debug)]
pub struct Store(PathBuf);

/// Which authority the account is with.
#[derive(Deserialize, Serialize)]
struct Kept<T> {
    directory_url: String,
    credentials: T,
}

/// Failures since the last success. Kept, so that a process that is started again and again does not
/// ask again and again.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Attempts {
    /// For which hosts.
    pub domains: Vec<String>,
    /// How many.
    pub failures: u32,
    /// When it may be tried again.
    pub not_before: DateTime<Utc>,
}

impl Attempts {
    /// None so far.
    pub fn none(domains: &[String]) -> Self {
        Self {
            domains: domains.to_vec(),
            failures: 0,
            not_before: DateTime::UNIX_EPOCH,
        }
    }
}

impl Store {
    /// In this data directory.
    pub fn new(data_dir: &Path) -> Self {
        Self(data_dir.join("acme"))
    }

    /// The account with this authority, if there is one.
    pub fn account(&self, directory_url: &str) -> Option<AccountCredentials> {
        let kept: Kept<AccountCredentials> = self.read(ACCOUNT)?;
        (kept.directory_url == directory_url).then_some(kept.credentials)
    }

    /// Keeps the account.
    pub fn keep_account(
        &self,
        directory_url: &str,
        credentials: &AccountCredentials,
    ) -> io::Result<()> {
        let kept = Kept {
            directory_url: directory_url.to_owned(),
            credentials,
        };
        self.write(ACCOUNT, &serde_json::to_vec_pretty(&kept)?)
    }

    /// The certificate that was obtained last.
    pub fn certificate(&self) -> Result<Option<Certificate>, rustls::Error> {
        match fs::read(self.0.join(CERTIFICATE)) {
            Ok(pem) => Certificate::from_pem(&pem, &pem).map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Keeps chain and key, in one file, so that they are always of one pair.
    pub fn keep_certificate(&self, chain: &str, key: &str) -> io::Result<()> {
        self.write(CERTIFICATE, format!("{chain}\n{key}").as_bytes())
    }

    /// Failures for these hosts: with others, it is another question.
    pub fn attempts(&self, domains: &[String]) -> Attempts {
        self.read(ATTEMPTS)
            .filter(|kept: &Attempts| kept.domains == domains)
            .unwrap_or_else(|| Attempts::none(domains))
    }

    /// Keeps the failures.
    pub fn keep_attempts(&self, attempts: &Attempts) {
        let json = serde_json::to_vec_pretty(attempts).unwrap_or_default();
        if let Err(error) = self.write(ATTEMPTS, &json) {
            tracing::warn!(%error, "failed attempts cannot be kept in DATA_DIR");
        }
    }

    /// Forgets them.
    pub fn forget_attempts(&self) {
        // Not there is as good.
        let _ = fs::remove_file(self.0.join(ATTEMPTS));
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let bytes = fs::read(self.0.join(name)).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)?;
        let draft = self.0.join(format!("{name}.new"));
        // A draft that a crash left behind may have other rights.
        let _ = fs::remove_file(&draft);
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&draft, self.0.join(name))
    }
}
