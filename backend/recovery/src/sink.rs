//! Where the bytes of a backup go: a file, by way of encryption if there is somebody to encrypt for.

use std::io::{self, BufWriter, Write};

use saas_domain::Random;

use crate::{
    age::{Encryptor, Recipient},
    place::Unfinished,
};

/// Bytes written at once.
const CHUNK: usize = 256 * 1024;

type File = BufWriter<Unfinished>;

/// A backup's file, encrypted or not.
pub(crate) enum Sink {
    Plain(File),
    Encrypted(Box<Encryptor<File>>),
}

impl Sink {
    /// # Errors
    /// When the file fails.
    pub(crate) fn new(
        file: Unfinished,
        recipients: &[Recipient],
        random: &Random,
    ) -> io::Result<Self> {
        let file = BufWriter::with_capacity(CHUNK, file);
        if recipients.is_empty() {
            return Ok(Self::Plain(file));
        }
        let encryptor = Encryptor::new(file, recipients, random)?;
        Ok(Self::Encrypted(Box::new(encryptor)))
    }

    /// The file, with everything in it.
    ///
    /// # Errors
    /// When the file fails.
    pub(crate) fn finish(self) -> io::Result<Unfinished> {
        let file = match self {
            Self::Plain(file) => file,
            Self::Encrypted(encryptor) => encryptor.finish()?,
        };
        file.into_inner().map_err(io::IntoInnerError::into_error)
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.write(bytes),
            Self::Encrypted(encryptor) => encryptor.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.flush(),
            Self::Encrypted(encryptor) => encryptor.flush(),
        }
    }
}
