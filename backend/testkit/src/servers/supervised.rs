//! A server process that cannot outlive its owner.
//!
//! The owner holds a pipe to a shell that runs the server as its child. A word on the pipe starts,
//! stops or signals the server; the end of the pipe (dropped, or the owner is gone) stops the
//! server and removes its directory. The shell has a process group of its own, so that Ctrl-C in a
//! terminal reaches the owner only.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::ServersError;

/// How long a server may take to answer after its start; generous, since a loaded machine is slow
/// and a broken server is noticed by its end, not by this limit.
const START_LIMIT: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(10);

/// Reads words from standard input; `$1` is the directory, the rest the server's command.
/// A stopped (SIGSTOP) process acts on a signal only when continued, hence the CONT.
const WATCHER: &str = r#"
directory=$1
shift
server=
signal() {
    [ -n "$server" ] && kill -s "$1" $server $2 2>/dev/null
}
children() {
    cat "/proc/$server/task/$server/children" 2>/dev/null
}
finish() {
    signal "$1"
    signal CONT "$(children)"
    wait $server 2>/dev/null
    server=
}
while read -r word argument; do
    case $word in
    start)
        "$@" </dev/null >>"$directory/log" 2>&1 &
        server=$!
        echo "$server"
        ;;
    stop) finish "$argument"; echo stopped ;;
    freeze) signal STOP "$(children)"; echo frozen ;;
    thaw) signal CONT "$(children)"; echo thawed ;;
    esac
done
finish "$FINAL_SIGNAL"
rm -rf "$directory"
"#;

/// A server and the shell that watches over it.
#[derive(Debug)]
pub(super) struct Supervised {
    name: &'static str,
    directory: PathBuf,
    watcher: Child,
    /// `None` once dropped: closing it is the sign to finish.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    server: Option<u32>,
}

impl Supervised {
    /// Prepares the watcher; the server itself starts with [`Self::start`].
    ///
    /// `final_signal` ends the server when the owner goes; nothing of it needs to be kept.
    pub(super) fn new(
        name: &'static str,
        directory: PathBuf,
        final_signal: &str,
        command: &[String],
    ) -> Result<Self, ServersError> {
        let mut watcher = Command::new("sh")
            .args(["-c", WATCHER, "watcher"])
            .arg(&directory)
            .args(command)
            .env("FINAL_SIGNAL", final_signal)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Inherited, it would keep a test runner waiting for the end of the output.
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(ServersError::io("run `sh`"))?;
        let (Some(orders), Some(answers)) = (watcher.stdin.take(), watcher.stdout.take()) else {
            return Err(ServersError::Start {
                server: name,
                reason: "no pipe to `sh`".into(),
            });
        };
        Ok(Self {
            name,
            directory,
            watcher,
            orders: Some(orders),
            answers: BufReader::new(answers),
            server: None,
        })
    }

    /// Starts the server and waits until `answers` says that it does.
    pub(super) fn start(&mut self, answers: impl Fn() -> bool) -> Result<(), ServersError> {
        let pid = self
            .order("start")?
            .parse()
            .map_err(|_| self.failed("no process id"))?;
        self.server = Some(pid);
        let begun = Instant::now();
        while !answers() {
            if !runs(pid) {
                return Err(self.failed("it ended"));
            }
            if begun.elapsed() > START_LIMIT {
                return Err(self.failed("it does not answer"));
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Ends the server with `signal` and waits for its end; the directory stays.
    pub(super) fn stop(&mut self, signal: &str) -> Result<(), ServersError> {
        self.order(&format!("stop {signal}"))?;
        self.server = None;
        Ok(())
    }

    /// Suspends the server and its children: connections stay open and nothing answers.
    pub(super) fn freeze(&mut self) -> Result<(), ServersError> {
        self.order("freeze").map(drop)
    }

    /// Lets a frozen server go on.
    pub(super) fn thaw(&mut self) -> Result<(), ServersError> {
        self.order("thaw").map(drop)
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    fn order(&mut self, words: &str) -> Result<String, ServersError> {
        let mut answer = String::new();
        if let Some(orders) = &mut self.orders {
            writeln!(orders, "{words}")
                .and_then(|()| self.answers.read_line(&mut answer))
                .map_err(ServersError::io(format!("tell {} to {words}", self.name)))?;
        }
        Ok(answer.trim().to_owned())
    }

    fn failed(&self, what: &str) -> ServersError {
        let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
        let mut last: Vec<_> = log.lines().rev().take(8).collect();
        last.reverse();
        ServersError::Start {
            server: self.name,
            reason: format!("{what}; the end of its log:\n{}", last.join("\n")),
        }
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.orders = None;
        // Only a failing `wait` could be reported here, and then there is nothing to wait for.
        let _ = self.watcher.wait();
    }
}

/// False for a process that is gone or has ended without being waited for.
fn runs(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| Some(stat.rsplit_once(") ")?.1.starts_with('Z')))
        .is_some_and(|ended| !ended)
}
