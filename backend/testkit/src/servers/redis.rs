use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use super::directory::{self, Account, random_hex};
use super::postgres::free_port;
use super::supervised::Supervised;
use super::{REDIS_URL, ServersError};
use crate::TestCertificate;

/// How many numbered databases there are; the first belongs to nobody.
const DATABASES: u32 = 1024;
const PATIENCE: Duration = Duration::from_secs(5);

/// A private Redis on a free loopback port, with a password and nothing written to disk.
///
/// Stopped when dropped or when this process ends.
#[derive(Debug)]
pub struct RedisServer {
    server: Supervised,
    url: String,
    tls_url: Option<String>,
}

impl RedisServer {
    /// Starts the server; blocks for a few hundredths of a second.
    ///
    /// # Errors
    /// When Redis is not installed or does not come up.
    pub fn start() -> Result<Self, ServersError> {
        Self::with(None)
    }

    /// The same, with TLS on a second port.
    ///
    /// # Errors
    /// As for [`RedisServer::start`].
    pub fn start_with_tls(certificate: &TestCertificate) -> Result<Self, ServersError> {
        Self::with(Some(certificate))
    }

    fn with(certificate: Option<&TestCertificate>) -> Result<Self, ServersError> {
        let account = Account::for_servers()?;
        let directory = directory::create(account.as_ref())?;
        let password = random_hex::<12>()?;
        let port = free_port()?;
        let configuration = directory.join("redis.conf");
        let mut command = account.as_ref().map(Account::prefix).unwrap_or_default();
        command.extend([
            "redis-server".to_owned(),
            configuration.display().to_string(),
        ]);
        let mut server = Supervised::new("Redis", directory, "KILL", &command)?;

        let mut text = format!(
            "bind 127.0.0.1\nport {port}\nrequirepass {password}\ndatabases {DATABASES}\n\
             save \"\"\nappendonly no\ndaemonize no\nmaxclients 1000\ndir {}\n",
            server.directory().display()
        );
        let mut tls_url = None;
        if let Some(certificate) = certificate {
            let (certificate, key) = certificate.write(server.directory(), "server")?;
            if let Some(account) = &account {
                directory::give(&certificate, account)?;
                directory::give(&key, account)?;
            }
            let port = free_port()?;
            let (certificate, key) = (certificate.display(), key.display());
            text += &format!(
                "tls-port {port}\ntls-auth-clients no\ntls-cert-file {certificate}\n\
                 tls-key-file {key}\ntls-ca-cert-file {certificate}\n"
            );
            tls_url = Some(format!("rediss://:{password}@127.0.0.1:{port}/0"));
        }
        File::options()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&configuration)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(ServersError::io("write redis.conf"))?;
        if let Some(account) = &account {
            directory::give(&configuration, account)?;
        }
        let url = format!("redis://:{password}@127.0.0.1:{port}/0");
        start(&mut server, &url)?;
        Ok(Self {
            server,
            url,
            tls_url,
        })
    }

    /// The URL of database 0.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL of database 0 by TLS; of a server that has it.
    pub fn tls_url(&self) -> Option<&str> {
        self.tls_url.as_deref()
    }

    /// Kills the server: connections break, new ones are refused, its data is gone.
    ///
    /// # Errors
    /// When its watcher is gone.
    pub fn stop(&mut self) -> Result<(), ServersError> {
        self.server.stop("KILL")
    }

    /// Starts a stopped server again, empty, on the same port.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_again(&mut self) -> Result<(), ServersError> {
        start(&mut self.server, &self.url)
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

fn start(server: &mut Supervised, url: &str) -> Result<(), ServersError> {
    server.start(|| {
        Session::open(url)
            .and_then(|mut redis| redis.expect("PING", "+PONG"))
            .is_ok()
    })
}

/// Empties the next numbered database and names it.
pub(super) fn fresh_database(url: &str) -> Result<String, ServersError> {
    let mut redis = Session::open(url)?;
    let count = redis.ask("INCR saas:test:databases")?;
    let count: u32 = count
        .strip_prefix(':')
        .and_then(|count| count.parse().ok())
        .ok_or_else(|| unexpected("INCR", &count))?;
    let number = 1 + count % (DATABASES - 1);
    redis.expect(&format!("SELECT {number}"), "+OK")?;
    redis.expect("FLUSHDB", "+OK")?;
    let (server, _) = split(url)?;
    Ok(format!("redis://{server}/{number}"))
}

/// `redis://[user:password@]host:port/number` without scheme and number, and the password.
fn split(url: &str) -> Result<(&str, Option<&str>), ServersError> {
    let server = url
        .strip_prefix("redis://")
        .map(|rest| rest.split('/').next().unwrap_or(rest));
    let server = server.ok_or(ServersError::Url {
        variable: REDIS_URL,
        form: "redis://:password@host:port/number",
    })?;
    let password = server
        .rsplit_once('@')
        .and_then(|(account, _)| account.split_once(':'));
    Ok((server, password.map(|(_, password)| password)))
}

/// A connection that speaks the few inline commands needed here.
struct Session {
    stream: BufReader<TcpStream>,
}

impl Session {
    fn open(url: &str) -> Result<Self, ServersError> {
        let (server, password) = split(url)?;
        let host = server.rsplit_once('@').map_or(server, |(_, host)| host);
        let stream = TcpStream::connect(host)
            .and_then(|stream| {
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(stream)
            })
            .map_err(ServersError::io(format!("connect to Redis at {host}")))?;
        let mut session = Self {
            stream: BufReader::new(stream),
        };
        if let Some(password) = password {
            session.expect(&format!("AUTH {password}"), "+OK")?;
        }
        Ok(session)
    }

    fn expect(&mut self, command: &str, expected: &str) -> Result<(), ServersError> {
        let answer = self.ask(command)?;
        if answer == expected {
            Ok(())
        } else {
            Err(unexpected(command, &answer))
        }
    }

    fn ask(&mut self, command: &str) -> Result<String, ServersError> {
        let mut answer = String::new();
        self.stream
            .get_mut()
            .write_all(format!("{command}\r\n").as_bytes())
            .and_then(|()| self.stream.read_line(&mut answer))
            .map_err(ServersError::io("talk to Redis"))?;
        Ok(answer.trim_end().to_owned())
    }
}

fn unexpected(command: &str, answer: &str) -> ServersError {
    let command = command.split(' ').next().unwrap_or(command).to_owned();
    ServersError::Redis {
        command,
        answer: answer.to_owned(),
    }
}
