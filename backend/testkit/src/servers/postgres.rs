use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;

use super::directory::{self, Account, random_hex};
use super::supervised::Supervised;
use super::{PostgresAddress, Psql, ServersError, programs};
use crate::TestCertificate;

/// A cluster is thrown away with its directory: whatever buys durability is off. The rest keeps
/// background work from disturbing tests (autovacuum would hold the template database open).
const SETTINGS: &str = "\
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 300
shared_buffers = 64MB
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 4GB
checkpoint_timeout = 1h
autovacuum = off
max_logical_replication_workers = 0
max_parallel_workers_per_gather = 0
jit = off
timezone = 'UTC'
lc_messages = 'C'
log_min_messages = fatal
log_min_error_statement = panic
";

/// A private PostgreSQL cluster on a free loopback port.
///
/// Stopped, with its directory removed, when dropped or when this process ends.
#[derive(Debug)]
pub struct PostgresServer {
    server: Supervised,
    address: PostgresAddress,
    url: String,
}

impl PostgresServer {
    /// Creates the cluster and starts it; blocks for one to two seconds.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or the server does not come up.
    pub fn start() -> Result<Self, ServersError> {
        Self::with(None)
    }

    /// The same, with TLS beside plain connections.
    ///
    /// # Errors
    /// As for [`PostgresServer::start`].
    pub fn start_with_tls(certificate: &TestCertificate) -> Result<Self, ServersError> {
        Self::with(Some(certificate))
    }

    fn with(certificate: Option<&TestCertificate>) -> Result<Self, ServersError> {
        let programs = programs::postgres().ok_or(ServersError::Missing { program: "initdb" })?;
        let account = Account::for_servers()?;
        let directory = directory::create(account.as_ref())?;
        let password = random_hex::<12>()?;
        let port = free_port()?;
        let data = directory.join("data");

        let mut command = account.as_ref().map(Account::prefix).unwrap_or_default();
        command.push(programs.join("postgres").display().to_string());
        command.extend(["-D".to_owned(), data.display().to_string()]);
        // From here on the directory has an owner that removes it.
        // SIGQUIT ends PostgreSQL at once, without a checkpoint.
        let mut server = Supervised::new("PostgreSQL", directory, "QUIT", &command)?;

        initialise(
            programs,
            server.directory(),
            &data,
            account.as_ref(),
            &password,
        )?;
        let mut settings = File::options()
            .append(true)
            .open(data.join("postgresql.conf"))
            .map_err(ServersError::io("open postgresql.conf"))?;
        settings
            .write_all(format!("{SETTINGS}port = {port}\n").as_bytes())
            .map_err(ServersError::io("write postgresql.conf"))?;
        if let Some(certificate) = certificate {
            let (certificate, key) = certificate.write(server.directory(), "server")?;
            if let Some(account) = &account {
                directory::give(&certificate, account)?;
                directory::give(&key, account)?;
            }
            let lines = format!(
                "ssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'\n",
                certificate.display(),
                key.display()
            );
            settings
                .write_all(lines.as_bytes())
                .map_err(ServersError::io("write postgresql.conf"))?;
        }

        let address = PostgresAddress::local(port, password);
        let url = address.url("postgres");
        start(&mut server, &address)?;
        Ok(Self {
            server,
            address,
            url,
        })
    }

    /// A superuser's URL of the database `postgres`. The user is `postgres`, with a password.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops the server at once, as after a crash: open connections break, new ones are refused.
    ///
    /// # Errors
    /// When its watcher is gone.
    pub fn stop(&mut self) -> Result<(), ServersError> {
        self.server.stop("QUIT")
    }

    /// Starts a stopped server again, on the same port with the same data.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_again(&mut self) -> Result<(), ServersError> {
        start(&mut self.server, &self.address)
    }

    /// Suspends the server: connections stay open and nothing answers.
    ///
    /// # Errors
    /// When its watcher is gone.
    pub fn freeze(&mut self) -> Result<(), ServersError> {
        self.server.freeze()
    }

    /// Lets a frozen server go on.
    ///
    /// # Errors
    /// When its watcher is gone.
    pub fn thaw(&mut self) -> Result<(), ServersError> {
        self.server.thaw()
    }
}

fn start(server: &mut Supervised, address: &PostgresAddress) -> Result<(), ServersError> {
    let psql = Psql::new(address.clone(), "postgres");
    let port = address.port();
    server.start(|| {
        // A refused connection costs nothing; a `psql` in vain costs a process.
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() && psql.run("SELECT 1;").is_ok()
    })
}

/// Passwords are checked, since other accounts of the machine reach loopback too, but sent plain:
/// SCRAM in an unoptimised client takes longer than many a test.
fn initialise(
    programs: &Path,
    directory: &Path,
    data: &Path,
    account: Option<&Account>,
    password: &str,
) -> Result<(), ServersError> {
    let secret = directory.join("password");
    File::options()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&secret)
        .and_then(|mut file| file.write_all(password.as_bytes()))
        .map_err(ServersError::io("write the cluster's password"))?;
    if let Some(account) = account {
        directory::give(&secret, account)?;
    }
    let mut words = account.map(Account::prefix).unwrap_or_default();
    words.push(programs.join("initdb").display().to_string());
    let mut words = words.into_iter();
    let output = Command::new(words.next().unwrap_or_default())
        .args(words)
        .args([
            "--username=postgres",
            "--auth-host=password",
            "--auth-local=reject",
        ])
        .args([
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
            "--no-instructions",
        ])
        .arg(format!("--pwfile={}", secret.display()))
        .arg(data)
        .current_dir("/")
        .output()
        .map_err(ServersError::io("run `initdb`"))?;
    if output.status.success() {
        Ok(())
    } else {
        let output = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(ServersError::Program {
            program: "initdb",
            output,
        })
    }
}

/// A port nobody listens on now. Somebody else may take it before the server does; the server then
/// ends, and the error says so.
pub(super) fn free_port() -> Result<u16, ServersError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(ServersError::io("find a free port"))
}
