//! `with-servers -- COMMAND…` runs a command beside a private PostgreSQL and a private Redis.
//!
//! The command finds them in `SAAS_TEST_POSTGRES_URL` and `SAAS_TEST_REDIS_URL`; its exit status
//! becomes this program's. SIGTERM and SIGHUP are passed on, and the command's end is awaited;
//! Ctrl-C reaches the command from the terminal itself.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};

use saas_testkit::servers::{POSTGRES_URL, REDIS_URL, Servers, ServersError};
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let command: Vec<OsString> = env::args_os()
        .skip(1)
        .skip_while(|word| word == "--")
        .collect();
    let [program, arguments @ ..] = command.as_slice() else {
        eprintln!("usage: with-servers -- COMMAND [ARGUMENT]…");
        return ExitCode::from(2);
    };
    match run(program, arguments).await {
        Ok(status) => ExitCode::from(code(status)),
        Err(error) => {
            eprintln!("with-servers: {}", chain(&error));
            ExitCode::from(125)
        }
    }
}

async fn run(program: &OsString, arguments: &[OsString]) -> Result<ExitStatus, ServersError> {
    // Before the servers start, so that a signal in the meantime is not lost on them.
    let mut signals = Signals::listen().map_err(io("listen for signals"))?;
    let servers = Servers::start()?;
    let mut child = Command::new(program)
        .args(arguments)
        .env(POSTGRES_URL, servers.postgres_url())
        .env(REDIS_URL, servers.redis_url())
        .spawn()
        .map_err(io(&format!("run `{}`", program.display())))?;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status.map_err(io("wait for the command"))?,
            name = signals.next() => pass_on(name, &child).await,
        }
    };
    drop(servers);
    Ok(status)
}

struct Signals {
    terminate: Signal,
    hang_up: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The next signal to hand on to the command.
    async fn next(&mut self) -> &'static str {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return "TERM",
                _ = self.hang_up.recv() => return "HUP",
                _ = self.interrupt.recv() => {}
            }
        }
    }
}

async fn pass_on(name: &str, child: &Child) {
    if let Some(pid) = child.id() {
        // The shell's own `kill`: sending a signal by hand would need unsafe code.
        let script = format!("kill -s {name} {pid}");
        let _ = Command::new("sh").args(["-c", &script]).status().await;
    }
}

/// As a shell does: a command ended by signal N has the status 128 + N.
fn code(status: ExitStatus) -> u8 {
    let number = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    number
        .and_then(|number| u8::try_from(number).ok())
        .unwrap_or(1)
}

fn io(doing: &str) -> impl FnOnce(std::io::Error) -> ServersError {
    let doing = doing.to_owned();
    |source| ServersError::Io { doing, source }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    text
}
