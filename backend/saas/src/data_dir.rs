//! The data directory: made, writable, and held by one process.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use crate::platform::run_file;

/// Where the first administrator's password lies in production, until somebody asked for it.
pub(crate) const ONE_TIME_PASSWORD_FILE: &str = "one-time-password";

/// How long a command waits for another one that changes the same data.
const TURN: Duration = Duration::from_mins(1);
const BETWEEN: Duration = Duration::from_millis(20);

#[cfg(unix)]
const NOFOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();

/// Why the data directory cannot be used. One sentence each, with what to do.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// It cannot be made or written to.
    #[error("the data directory {} cannot be written to ({source}); make it writable for this user or set DATA_DIR to another place", path.display())]
    Unusable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process holds it.
    #[error("the data directory {} is in use by another saas process{}; stop that one, or set DATA_DIR to another place", path.display(), named(*holder))]
    InUse {
        /// Which.
        path: PathBuf,
        /// The process, if it is known.
        holder: Option<u32>,
    },
}

fn named(process: Option<u32>) -> String {
    process.map_or_else(String::new, |id| format!(" (process {id})"))
}

/// The data directory, locked for as long as this lives.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes the directory if need be (mode 0700) and takes its lock.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        let unusable = |source| DataDirError::Unusable {
            path: path.to_owned(),
            source,
        };
        make(path).map_err(unusable)?;
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        // A link would have the file that it leads to overwritten.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, NOFOLLOW);
        let mut lock = options.open(path.join("lock")).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let text = fs::read_to_string(path.join("lock")).unwrap_or_default();
                return Err(DataDirError::InUse {
                    path: path.to_owned(),
                    holder: text.trim().parse().ok(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
        lock.set_len(0)
            .and_then(|()| writeln!(lock, "{}", std::process::id()))
            .map_err(unusable)?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Like [`open`](Self::open), but waits up to a minute for a command that holds it and will soon
    /// be done. A platform that runs on it is not waited for: it ends when somebody ends it.
    pub fn open_in_turn(path: &Path) -> Result<Self, DataDirError> {
        let began = Instant::now();
        loop {
            match Self::open(path) {
                Err(DataDirError::InUse { holder, .. })
                    if began.elapsed() < TURN
                        && run_file::read(path).is_none_or(|run| Some(run.pid) != holder) =>
                {
                    thread::sleep(BETWEEN);
                }
                done => return done,
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces a file in one step: a reader sees the old content or the new.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), DataDirError> {
        let write = || {
            let new = format!("{name}.tmp");
            self.remove(&new);
            let temporary = self.path.join(new);
            File::create_new(&temporary)?.write_all(content)?;
            fs::rename(&temporary, self.path.join(name))
        };
        write().map_err(|source| DataDirError::Unusable {
            path: self.path.clone(),
            source,
        })
    }

    /// Writes a new file that nobody but this user reads; returns where it is. One of that name is
    /// replaced.
    pub fn write_secret(&self, name: &str, content: &str) -> Result<PathBuf, DataDirError> {
        let path = self.path.join(name);
        let write = || {
            self.remove(name);
            let mut options = File::options();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            writeln!(options.open(&path)?, "{content}")
        };
        write().map_err(|source| DataDirError::Unusable {
            path: self.path.clone(),
            source,
        })?;
        Ok(path)
    }

    /// Removes a file; one that is not there is no error.
    pub fn remove(&self, name: &str) {
        if let Err(error) = fs::remove_file(self.path.join(name))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, name, "could not be removed from the data directory");
        }
    }
}

fn make(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_holds_it_and_a_file_in_its_place_is_refused() {
        let folder = std::env::temp_dir().join(format!("saas-data-dir-{}", std::process::id()));
        let held = DataDir::open(&folder).unwrap();
        let refused = DataDir::open(&folder).unwrap_err().to_string();
        assert!(
            refused.contains(&format!("process {}", std::process::id())),
            "{refused}"
        );
        // The platform is not waited for, a command is.
        let run = run_file::RunFile {
            pid: std::process::id(),
            ..run_file::RunFile::default()
        };
        run_file::write(&held, &run).unwrap();
        assert!(matches!(
            DataDir::open_in_turn(&folder),
            Err(DataDirError::InUse { .. })
        ));
        run_file::remove(&held);
        let waiting = thread::spawn({
            let folder = folder.clone();
            move || DataDir::open_in_turn(&folder)
        });
        drop(held);
        drop(waiting.join().unwrap().unwrap());
        drop(DataDir::open(&folder).unwrap());

        let file = folder.join("file");
        fs::write(&file, "").unwrap();
        assert!(matches!(
            DataDir::open(&file),
            Err(DataDirError::Unusable { .. })
        ));
        fs::remove_dir_all(&folder).unwrap();
    }
}
