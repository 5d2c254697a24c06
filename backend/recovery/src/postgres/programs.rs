//! PostgreSQL's client programs, told by the environment where the server is: a command line is
//! read by everybody on the machine.

use std::{
    env,
    process::{Command, Stdio},
};

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

use crate::RecoveryError;

/// How the programs reach one database.
#[derive(Clone)]
pub(crate) struct Programs {
    url: Url,
}

/// Parameters of the address, by every name that sqlx knows, with the variable of libpq for each.
/// What stands behind the question mark counts more than what stands before it, as it does there:
/// the platform and the programs have to mean the same database.
const PARAMETERS: [(&str, &str); 16] = [
    ("host", "PGHOST"),
    ("hostaddr", "PGHOST"),
    ("port", "PGPORT"),
    ("dbname", "PGDATABASE"),
    ("user", "PGUSER"),
    ("password", "PGPASSWORD"),
    ("sslmode", "PGSSLMODE"),
    ("ssl-mode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("ssl-root-cert", "PGSSLROOTCERT"),
    ("ssl-ca", "PGSSLROOTCERT"),
    ("sslcert", "PGSSLCERT"),
    ("ssl-cert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("ssl-key", "PGSSLKEY"),
    ("options", "PGOPTIONS"),
];

/// The variables that the platform's own connections take from whoever runs this where the address
/// has nothing; no others reach the programs. `PGHOSTADDR` is a host to sqlx.
const INHERITED: [&str; 12] = [
    "PGHOSTADDR",
    "PGHOST",
    "PGPORT",
    "PGUSER",
    "PGPASSWORD",
    "PGPASSFILE",
    "PGSSLMODE",
    "PGSSLROOTCERT",
    "PGSSLCERT",
    "PGSSLKEY",
    "PGOPTIONS",
    "PGDATABASE",
];

/// Bytes of a name in PostgreSQL, without the longest ending.
const LONGEST_NAME: usize = 63 - "_rehearse_20260102030405".len();

impl Programs {
    /// # Errors
    /// [`RecoveryError::Address`].
    pub(crate) fn new(url: &str) -> Result<Self, RecoveryError> {
        let url = Url::parse(url).map_err(|_| RecoveryError::Address)?;
        let is_known = matches!(url.scheme(), "postgres" | "postgresql");
        is_known
            .then_some(Self { url })
            .ok_or(RecoveryError::Address)
    }

    /// The same server's database of this name.
    pub(crate) fn of(&self, database: &str) -> Self {
        let mut url = self.url.clone();
        let kept = self.url.query_pairs().filter(|(name, _)| name != "dbname");
        let kept: Vec<_> = kept.collect();
        url.set_query(None);
        if !kept.is_empty() {
            url.query_pairs_mut().extend_pairs(kept);
        }
        url.set_path(&utf8_percent_encode(database, NON_ALPHANUMERIC).to_string());
        Self { url }
    }

    /// The address.
    pub(crate) fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The database's name.
    pub(crate) fn database(&self) -> String {
        let told = self.environment();
        let of = |variable: &str| {
            let last = told.iter().rev().find(|(known, _)| *known == variable);
            last.map(|(_, value)| value.clone())
        };
        // Whom nobody tells goes to the database of his own name.
        of("PGDATABASE")
            .or_else(|| of("PGUSER"))
            .unwrap_or_default()
    }

    /// The name of a database beside this one.
    pub(crate) fn beside(&self, what: &str, moment: &str) -> String {
        let name = self.database();
        let short = name.get(..LONGEST_NAME).unwrap_or(&name);
        format!("{short}_{what}_{moment}")
    }

    /// A program that is to reach it, and to ask nobody anything.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for (name, _) in env::vars_os() {
            // No other setting of whoever runs this, such as a service or another way to verify.
            if name.as_encoded_bytes().starts_with(b"PG") {
                command.env_remove(name);
            }
        }
        command
            .envs(self.environment())
            .env("PGAPPNAME", "saas backup")
            .env("PGCONNECT_TIMEOUT", "10")
            .env("PGCLIENTENCODING", "UTF8")
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    /// Where the server is and as whom, as libpq's variables; of the same, the later one counts.
    fn environment(&self) -> Vec<(&'static str, String)> {
        let mut told = Vec::new();
        for name in INHERITED {
            if let Ok(value) = env::var(name) {
                let host = if name == "PGHOSTADDR" { "PGHOST" } else { name };
                let is_told = told.iter().any(|(known, _)| *known == host);
                if !is_told {
                    told.push((host, value));
                }
            }
        }
        if let Some(host) = self.url.host_str() {
            told.push(("PGHOST", decoded(host).trim_matches(['[', ']']).to_owned()));
        }
        if let Some(port) = self.url.port() {
            told.push(("PGPORT", port.to_string()));
        }
        if !self.url.username().is_empty() {
            told.push(("PGUSER", decoded(self.url.username())));
        }
        if let Some(password) = self.url.password() {
            told.push(("PGPASSWORD", decoded(password)));
        }
        let path = self.url.path().trim_start_matches('/');
        if !path.is_empty() {
            told.push(("PGDATABASE", decoded(path)));
        }
        for (name, value) in self.url.query_pairs() {
            let Some((_, variable)) = PARAMETERS.iter().find(|(known, _)| *known == name) else {
                continue;
            };
            let value = match *variable {
                "PGSSLMODE" => value.to_ascii_lowercase(),
                _ => value.into_owned(),
            };
            told.push((variable, value));
        }
        told
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
