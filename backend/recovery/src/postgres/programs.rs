//! PostgreSQL's client programs, told by the environment where the server is: a command line is
//! read by everybody on the machine.

use std::process::{Command, Stdio};

use percent_encoding::percent_decode_str;
use url::Url;

use crate::RecoveryError;

/// How the programs reach one database.
#[derive(Clone)]
pub(crate) struct Programs {
    url: Url,
}

/// Parameters of the address that the programs understand, with the variable for each.
const PARAMETERS: [(&str, &str); 5] = [
    ("sslmode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("options", "PGOPTIONS"),
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
        url.set_path(database);
        Self { url }
    }

    /// The address.
    pub(crate) fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The database's name.
    pub(crate) fn database(&self) -> String {
        decoded(self.url.path().trim_start_matches('/'))
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
        command
            .env("PGAPPNAME", "saas backup")
            .env("PGDATABASE", self.database())
            .env("PGCONNECT_TIMEOUT", "10")
            .env("PGCLIENTENCODING", "UTF8")
            // No setting of whoever runs this.
            .env_remove("PGSERVICE")
            .env_remove("PGOPTIONS")
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        if let Some(host) = self.url.host_str() {
            command.env("PGHOST", decoded(host).trim_matches(['[', ']']));
        }
        command.env("PGPORT", self.url.port().unwrap_or(5432).to_string());
        if !self.url.username().is_empty() {
            command.env("PGUSER", decoded(self.url.username()));
        }
        if let Some(password) = self.url.password() {
            command.env("PGPASSWORD", decoded(password));
        }
        for (name, value) in self.url.query_pairs() {
            if let Some((_, variable)) = PARAMETERS.iter().find(|(known, _)| *known == name) {
                command.env(variable, value.as_ref());
            } else if name == "host" {
                command.env("PGHOST", value.as_ref());
            }
        }
        command
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
