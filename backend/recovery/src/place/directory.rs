//! A directory on this machine.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, RenameFlags, flock, renameat_with};

use crate::{
    file::{self, PARTIAL},
    format::BackupName,
};

/// Why a place for backups cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The directory cannot be made or read.
    #[error("the directory for backups {} cannot be used; let this user write to it, or name another one", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file in it cannot be read or written.
    #[error("{} cannot be {done}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// `read`, `written` or `removed`.
        done: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A backup of the same second is there.
    #[error("{} is there already; try again in a second", .0.display())]
    Taken(PathBuf),
}

/// Backups in a directory: each a file under its final name, or nothing.
#[derive(Clone, Debug)]
pub struct Directory {
    path: PathBuf,
}

/// A backup that is being written. Dropped without [`publish`](Self::publish), it is removed; what a
/// killed process left is removed by the next one.
#[derive(Debug)]
pub struct Unfinished {
    file: File,
    partial: PathBuf,
    directory: PathBuf,
    is_published: bool,
}

impl Directory {
    /// This directory, made for this user alone if it is not there.
    ///
    /// # Errors
    /// [`PlaceError::Directory`].
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, PlaceError> {
        let path = path.into();
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
        match made {
            Ok(()) => Ok(Self { path }),
            Err(source) => Err(PlaceError::Directory { path, source }),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether every user of this machine may put backups into it, or take them away.
    pub fn is_open_to_everybody(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|told| told.permissions().mode() & 0o002 != 0)
    }

    /// Where the backup of this name is, or would be.
    pub fn file(&self, name: &BackupName) -> PathBuf {
        self.path.join(name.to_string())
    }

    /// Every backup, newest first, with its size in bytes. Other files are passed over, and so is
    /// what has a backup's name and is no file.
    ///
    /// # Errors
    /// [`PlaceError::Directory`].
    pub fn list(&self) -> Result<Vec<(BackupName, u64)>, PlaceError> {
        let read = || -> io::Result<Vec<_>> {
            let mut found = Vec::new();
            for entry in fs::read_dir(&self.path)? {
                let entry = entry?;
                let name = entry
                    .file_name()
                    .to_str()
                    .and_then(|name| name.parse().ok());
                // What cannot be read as a file is none of the backups, whatever it is called.
                let told = fs::metadata(entry.path())
                    .ok()
                    .filter(fs::Metadata::is_file);
                if let (Some(name), Some(told)) = (name, told) {
                    found.push((name, told.len()));
                }
            }
            Ok(found)
        };
        let mut found: Vec<(BackupName, u64)> = read().map_err(|source| self.fault(source))?;
        found.sort_by_key(|(name, _)| std::cmp::Reverse(name.taken_at));
        Ok(found)
    }

    /// Begins a backup, readable for this user alone, and removes what killed processes left.
    ///
    /// # Errors
    /// [`PlaceError::File`], or [`PlaceError::Taken`] if another process begins the same.
    pub fn begin(&self, name: &BackupName) -> Result<Unfinished, PlaceError> {
        if self.file(name).exists() {
            return Err(PlaceError::Taken(self.file(name)));
        }
        self.begin_beside(name)
    }

    /// The same for a backup of which another copy may be here.
    ///
    /// # Errors
    /// As [`begin`](Self::begin) has them.
    pub fn begin_beside(&self, name: &BackupName) -> Result<Unfinished, PlaceError> {
        self.sweep();
        let partial = self.path.join(format!(".{name}{PARTIAL}"));
        let mut options = OpenOptions::new();
        let opened = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&partial);
        let file = opened.map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => PlaceError::Taken(self.file(name)),
            _ => PlaceError::File {
                path: partial.clone(),
                done: "written",
                source,
            },
        })?;
        // Held until the end: by it a living process's file is told from a dead one's.
        let locked = flock(&file, FlockOperation::NonBlockingLockExclusive);
        locked.map_err(|error| self.fault(error.into()))?;
        Ok(Unfinished {
            file,
            partial,
            directory: self.path.clone(),
            is_published: false,
        })
    }

    /// Removes a backup.
    ///
    /// # Errors
    /// [`PlaceError::File`].
    pub fn remove(&self, name: &BackupName) -> Result<(), PlaceError> {
        let path = self.file(name);
        fs::remove_file(&path).map_err(|source| PlaceError::File {
            path,
            done: "removed",
            source,
        })
    }

    fn sweep(&self) {
        let Ok(entries) = fs::read_dir(&self.path) else {
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let is_ours = |name: &&str| name.starts_with(".saas_");
            let Some(name) = name.to_str().filter(is_ours) else {
                continue;
            };
            // Beside a copy of SQLite's lies its journal, which belongs to whoever has the copy.
            let owner = name.strip_suffix("-journal").unwrap_or(name);
            if !owner.ends_with(PARTIAL) {
                continue;
            }
            let is_abandoned = match file::open(&self.path.join(owner)) {
                Ok(file) => flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok(),
                Err(error) => error.kind() == io::ErrorKind::NotFound,
            };
            if is_abandoned {
                // If it does not work, the next one tries again.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    fn fault(&self, source: io::Error) -> PlaceError {
        PlaceError::Directory {
            path: self.path.clone(),
            source,
        }
    }
}

impl Unfinished {
    /// Where it is for now.
    pub fn path(&self) -> &Path {
        &self.partial
    }

    /// Makes it a backup: on the disk first, then under its name. What is there under that name is
    /// left alone.
    ///
    /// # Errors
    /// [`PlaceError::Taken`] or [`PlaceError::File`]; the file is gone then.
    pub fn publish(mut self, name: &BackupName) -> Result<PathBuf, PlaceError> {
        let path = self.directory.join(name.to_string());
        let fault = |source: io::Error| PlaceError::File {
            path: path.clone(),
            done: "written",
            source,
        };
        self.file.sync_all().map_err(fault)?;
        let directory = File::open(&self.directory).map_err(fault)?;
        let renamed = renameat_with(
            rustix::fs::CWD,
            &self.partial,
            rustix::fs::CWD,
            &path,
            RenameFlags::NOREPLACE,
        );
        renamed.map_err(|error| match error {
            rustix::io::Errno::EXIST => PlaceError::Taken(path.clone()),
            other => fault(other.into()),
        })?;
        self.is_published = true;
        directory.sync_all().map_err(fault)?;
        Ok(path)
    }
}

impl Write for Unfinished {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_published {
            // If it does not work, the next backup removes it.
            let _ = fs::remove_file(&self.partial);
        }
    }
}
