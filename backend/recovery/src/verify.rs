//! Looking whether a backup is what it says.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use crate::{
    RecoveryError,
    age::{Decryptor, Identity},
    format::{BackupName, DumpTables, Engine, Manifest, Reader},
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
        }
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
            return Err(self.fault(crate::format::FormatError::Altered));
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
        File::open(&self.path).map_err(|source| unusable(&self.told, source))
    }

    fn fault(&self, source: crate::format::FormatError) -> RecoveryError {
        RecoveryError::Format {
            path: self.told.clone(),
            source,
        }
    }
}
