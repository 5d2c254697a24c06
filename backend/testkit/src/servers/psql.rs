//! SQL through the `psql` program, so that the test kit needs no database library of its own:
//! only `storage` and `migration` know one.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use super::{ServersError, programs};

/// A PostgreSQL server and the account to use there.
#[derive(Debug, Clone)]
pub(crate) struct PostgresAddress {
    host: String,
    port: u16,
    user: String,
    password: String,
}

impl PostgresAddress {
    pub(super) fn local(port: u16, password: String) -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port,
            user: "postgres".to_owned(),
            password,
        }
    }

    /// Reads `postgresql://user:password@host:port/database`; the database is left out.
    pub(crate) fn parse(url: &str) -> Result<Self, ServersError> {
        let parts = || {
            let rest = url
                .strip_prefix("postgresql://")
                .or_else(|| url.strip_prefix("postgres://"))?;
            let (account, rest) = rest.rsplit_once('@')?;
            let (user, password) = account.split_once(':').unwrap_or((account, ""));
            let server = rest.split(['/', '?']).next()?;
            let (host, port) = server.rsplit_once(':').unwrap_or((server, "5432"));
            Some(Self {
                host: host.to_owned(),
                port: port.parse().ok()?,
                user: user.to_owned(),
                password: password.to_owned(),
            })
        };
        parts().ok_or(ServersError::Url {
            variable: super::POSTGRES_URL,
            form: "postgresql://user:password@host:port/database",
        })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The URL of one database on this server.
    pub(crate) fn url(&self, database: &str) -> String {
        let Self {
            host,
            port,
            user,
            password,
        } = self;
        format!("postgresql://{user}:{password}@{host}:{port}/{database}")
    }
}

/// One database, spoken to by `psql`.
#[derive(Debug, Clone)]
pub(crate) struct Psql {
    address: PostgresAddress,
    database: String,
}

impl Psql {
    pub(crate) fn new(address: PostgresAddress, database: &str) -> Self {
        Self {
            address,
            database: database.to_owned(),
        }
    }

    /// Runs a script, each statement by itself, and returns the rows: columns parted by `|`.
    /// The first error ends it.
    pub(crate) fn run(&self, script: &str) -> Result<String, ServersError> {
        let mut child = self.spawn()?;
        if let Some(mut input) = child.stdin.take() {
            // A broken pipe means that psql has ended; its own words say more.
            let _ = input.write_all(script.as_bytes());
        }
        let output = child
            .wait_with_output()
            .map_err(ServersError::io("wait for `psql`"))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout)
                .trim_end()
                .to_owned())
        } else {
            Err(failed(&output.stderr))
        }
    }

    /// Waits for the advisory lock `number`, and holds it until the answer is dropped or this
    /// process ends.
    pub(crate) fn lock(&self, number: i64) -> Result<HeldLock, ServersError> {
        let mut child = self.spawn()?;
        let mut answer = String::new();
        if let (Some(input), Some(output)) = (&mut child.stdin, &mut child.stdout) {
            let _ = writeln!(input, "SELECT 'held' FROM pg_advisory_lock({number});");
            BufReader::new(output)
                .read_line(&mut answer)
                .map_err(ServersError::io("read from `psql`"))?;
        }
        if answer.trim() == "held" {
            return Ok(HeldLock { session: child });
        }
        let output = child
            .wait_with_output()
            .map_err(ServersError::io("wait for `psql`"))?;
        Err(failed(&output.stderr))
    }

    fn spawn(&self) -> Result<Child, ServersError> {
        Command::new(programs::psql())
            .args([
                "--no-psqlrc",
                "--quiet",
                "--no-align",
                "--tuples-only",
                "--no-password",
            ])
            .arg("--set=ON_ERROR_STOP=1")
            // By environment, since arguments are everybody's to read.
            .env("PGHOST", &self.address.host)
            .env("PGPORT", self.address.port.to_string())
            .env("PGUSER", &self.address.user)
            .env("PGPASSWORD", &self.address.password)
            .env("PGDATABASE", &self.database)
            .env("PGCONNECT_TIMEOUT", "10")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|_| ServersError::Missing { program: "psql" })
    }
}

/// An advisory lock, held by a session of its own.
#[derive(Debug)]
pub(crate) struct HeldLock {
    session: Child,
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        // The end of its input ends psql, and with it the session and the lock.
        self.session.stdin = None;
        let _ = self.session.wait();
    }
}

fn failed(errors: &[u8]) -> ServersError {
    let output = String::from_utf8_lossy(errors).trim().to_owned();
    ServersError::Program {
        program: "psql",
        output,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_and_written_back_for_another_database() {
        let address =
            PostgresAddress::parse("postgresql://postgres:secret@127.0.0.1:5433/postgres").unwrap();
        assert_eq!(
            address.url("orders"),
            "postgresql://postgres:secret@127.0.0.1:5433/orders"
        );
    }

    #[test]
    fn a_url_without_port_means_the_usual_one() {
        let address = PostgresAddress::parse("postgres://me:pw@db/x?sslmode=disable").unwrap();
        assert_eq!(address.url("y"), "postgresql://me:pw@db:5432/y");
    }

    #[test]
    fn something_else_is_refused_with_the_form_expected() {
        let error = PostgresAddress::parse("sqlite:///x.db").unwrap_err();
        assert!(
            error
                .to_string()
                .contains("postgresql://user:password@host:port/database")
        );
    }
}
