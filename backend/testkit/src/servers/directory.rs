//! A server's directory, and the user the server runs as.

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File};
use std::io::Read;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::ServersError;

/// A cluster with a few dozen test databases; Docker's default `/dev/shm` of 64 MB is too small.
const ROOM_ON_TMPFS: u64 = 1 << 30;

/// The account a server runs under when this process is root's (PostgreSQL refuses root).
#[derive(Debug, Clone)]
pub(super) struct Account {
    name: &'static str,
    uid: u32,
    gid: u32,
}

impl Account {
    /// `None` where this process is not root's: servers then run as ourselves.
    pub(super) fn for_servers() -> Result<Option<Self>, ServersError> {
        let own =
            fs::metadata("/proc/self").map_err(ServersError::io("look at this process's owner"))?;
        if own.uid() != 0 {
            return Ok(None);
        }
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| {
                Some(Self {
                    name,
                    uid: id(name, "-u")?,
                    gid: id(name, "-g")?,
                })
            })
            .map(Some)
            .ok_or(ServersError::NoUser)
    }

    /// The words to put before a command so that it runs as this account.
    pub(super) fn prefix(&self) -> Vec<String> {
        vec![
            "setpriv".to_owned(),
            format!("--reuid={}", self.name),
            format!("--regid={}", self.gid),
            "--clear-groups".to_owned(),
        ]
    }
}

fn id(name: &str, which: &str) -> Option<u32> {
    let answer = Command::new("id")
        .args([which, name])
        .stderr(Stdio::null())
        .output()
        .ok()?
        .stdout;
    String::from_utf8(answer).ok()?.trim().parse().ok()
}

/// Makes a fresh directory, mode 0700, owned by `account`: in memory where there is room, for a
/// server that never has to survive anything.
pub(super) fn create(account: Option<&Account>) -> Result<PathBuf, ServersError> {
    let path = parent().join(format!("saas-test-{}", random_hex::<6>()?));
    DirBuilder::new()
        .mode(0o700)
        .create(&path)
        .map_err(ServersError::io(format!("create {}", path.display())))?;
    if let Some(account) = account {
        give(&path, account)?;
    }
    Ok(path)
}

/// Hands a file or directory to `account`.
pub(super) fn give(path: &Path, account: &Account) -> Result<(), ServersError> {
    chown(path, Some(account.uid), Some(account.gid)).map_err(ServersError::io(format!(
        "give {} to {}",
        path.display(),
        account.name
    )))
}

fn parent() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if available(&memory).is_some_and(|free| free >= ROOM_ON_TMPFS) {
        memory
    } else {
        std::env::temp_dir()
    }
}

/// Free bytes, by way of `df`: the system call would need unsafe code or a library.
fn available(path: &Path) -> Option<u64> {
    let table = Command::new("df")
        .arg("-Pk")
        .arg(path)
        .output()
        .ok()?
        .stdout;
    let table = String::from_utf8(table).ok()?;
    let kilobytes: u64 = table
        .lines()
        .nth(1)?
        .split_whitespace()
        .nth(3)?
        .parse()
        .ok()?;
    Some(kilobytes * 1024)
}

/// `N` bytes of the system's randomness as hexadecimal digits, for names and passwords that must
/// differ between processes. It decides nothing a test could observe, so it is not injected.
pub(crate) fn random_hex<const N: usize>() -> Result<String, ServersError> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .map_err(ServersError::io("read /dev/urandom"))?;
    Ok(bytes
        .iter()
        .fold(String::with_capacity(2 * N), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        }))
}
