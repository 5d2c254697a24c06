//! Looking whether a backup is what it says.

use std::{
    env,
    fs::File,
    io::{self, Seek as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    RecoveryError,
    age::{Decryptor, Identity},
    file,
    format::{BackupName, DumpTables, Engine, FormatError, Manifest, Reader},
    pipe,
    sqlite::unusable,
    stop::Stop,
};

/// A file and the name that says how to read it.
#[derive(Clone, Debug)]
pub struct Backup {
    /// Where it is.
    pub path: PathBuf,
    /// Its name.
    pub name: BackupName,
    /// What it is called when something is said of it.
    pub(crate) told: PathBuf,
    identity: Option<Identity>,
    /// A copy of it, which is read in its place.
    held: Option<Arc<File>>,
}

impl Backup {
    /// The backup in this file, and what decrypts it if it is encrypted; it is not read yet.
    ///
    /// # Errors
    /// [`RecoveryError::Name`].
    pub fn new(path: &Path, identity: Option<Identity>) -> Result<Self, RecoveryError> {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let name = name.parse().map_err(|source| RecoveryError::Name {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self::called(path, name, path, identity))
    }

    /// The same where the file is called otherwise than the backup is known.
    pub(crate) fn called(
        path: &Path,
        name: BackupName,
        told: &Path,
        identity: Option<Identity>,
    ) -> Self {
        Self {
            path: path.to_owned(),
            name,
            told: told.to_owned(),
            identity,
            held: None,
        }
    }

    /// The same out of others' reach: a copy without a name, in which every byte was compared, and
    /// which is the backup that `expected` is of. Whoever may write where the file lies can change it
    /// between two readings, but not this.
    ///
    /// # Errors
    /// When there is no room for it, or as [`verify`](Self::verify) has them.
    pub(crate) fn held(&self, expected: &Manifest, stop: &Stop) -> Result<Self, RecoveryError> {
        let (stop, mut from) = (&stop.uncounted(), self.open()?);
        let length = from.metadata();
        let bytes = length.map_err(|source| unusable(&self.told, source))?.len();
        let mut copy = room(&self.path, bytes)?;
        pipe::copy(&mut from, &mut copy, stop)?;
        let held = Self {
            held: Some(Arc::new(copy)),
            ..self.clone()
        };
        held.expected(&held.verify(stop)?, expected)?;
        Ok(held)
    }

    /// Whether this, which was just read, is what was read before.
    pub(crate) fn expected(
        &self,
        found: &Manifest,
        expected: &Manifest,
    ) -> Result<(), RecoveryError> {
        if found != expected {
            return Err(self.fault(FormatError::Swapped));
        }
        Ok(())
    }

    /// What its end says it is; nothing of the content is looked at.
    ///
    /// # Errors
    /// When it cannot be read or was cut short.
    pub fn peek(&self) -> Result<Manifest, RecoveryError> {
        if self.name.is_encrypted {
            return Err(RecoveryError::Encrypted);
        }
        let manifest = Manifest::peek(&mut self.open()?, self.name.compression);
        manifest.map_err(|source| self.fault(source))
    }

    /// Reads all of it and compares everything with its manifest: the content's length and SHA-256,
    /// and for PostgreSQL the rows of each table.
    ///
    /// # Errors
    /// When it is damaged, cut short or altered, or `stop` says so.
    pub fn verify(&self, stop: &Stop) -> Result<Manifest, RecoveryError> {
        self.pass(io::sink(), stop)
    }

    /// Writes the content to `to` and compares it on the way. Only when this returns without an
    /// error, what was written is to be relied on.
    pub(crate) fn pass(&self, to: impl io::Write, stop: &Stop) -> Result<Manifest, RecoveryError> {
        let mut reader = self.reader()?;
        let mut tables = DumpTables::new(to);
        let copied = match self.name.engine {
            Engine::Postgres => pipe::copy(&mut reader, &mut tables, stop),
            Engine::Sqlite => pipe::copy(&mut reader, tables.inner(), stop),
        };
        let seen = tables.finish().1;
        let manifest = self.judged(reader, copied)?;
        if manifest.engine == Engine::Postgres && manifest.tables != seen {
            return Err(self.fault(FormatError::Altered));
        }
        Ok(manifest)
    }

    pub(crate) fn reader(&self) -> Result<Reader<'static>, RecoveryError> {
        let file = self.open()?;
        let reader = match (self.name.is_encrypted, &self.identity) {
            (false, _) => Reader::new(file, self.name.compression),
            (true, None) => return Err(RecoveryError::NoIdentity(self.told.clone())),
            (true, Some(identity)) => {
                let decrypted = Decryptor::new(file, identity);
                let decrypted = decrypted.map_err(|source| RecoveryError::Encryption {
                    path: self.told.clone(),
                    source,
                })?;
                Reader::new(decrypted, self.name.compression)
            }
        };
        reader.map_err(|source| self.fault(source))
    }

    /// What the reader's end says, unless reading failed before.
    pub(crate) fn judged(
        &self,
        reader: Reader<'_>,
        read: Result<(), RecoveryError>,
    ) -> Result<Manifest, RecoveryError> {
        match read {
            Ok(()) => reader.finish().map_err(|source| self.fault(source)),
            Err(RecoveryError::Read(error)) => Err(self.fault(reader.judge(error))),
            Err(other) => Err(other),
        }
    }

    fn open(&self) -> Result<File, RecoveryError> {
        let opened = match &self.held {
            None => file::open(&self.path),
            // Read by one at a time.
            Some(held) => held.try_clone().and_then(|mut file| {
                file.rewind()?;
                Ok(file)
            }),
        };
        opened.map_err(|source| unusable(&self.told, source))
    }

    fn fault(&self, source: FormatError) -> RecoveryError {
        RecoveryError::Format {
            path: self.told.clone(),
            source,
        }
    }
}

/// An empty file without a name that has room for so many bytes: beside the backup, or else where
/// temporary files are.
fn room(backup: &Path, bytes: u64) -> Result<File, RecoveryError> {
    let beside = backup.parent().filter(|path| !path.as_os_str().is_empty());
    let beside = beside.unwrap_or(Path::new(".")).to_owned();
    let found = |directory: PathBuf| {
        let file = file::unnamed(&directory).map_err(|source| unusable(&directory, source))?;
        match file::free(&file).filter(|free| *free < bytes) {
            None => Ok(file),
            Some(free) => Err(RecoveryError::NoRoomToRead {
                path: directory,
                free,
                bytes,
            }),
        }
    };
    found(beside).or_else(|_| found(env::temp_dir()))
}
