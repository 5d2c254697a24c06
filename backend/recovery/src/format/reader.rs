//! Reading a backup, and believing nothing of it that was not checked.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use ring::digest::{Context, SHA256};

use super::{Compression, FORMAT, Manifest, manifest::hex, trailer};

/// Bytes read at once.
const CHUNK: usize = 256 * 1024;

/// Why a file is no backup that can be used.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// It could not be read.
    #[error("the backup cannot be read")]
    Read(#[source] io::Error),
    /// The compression found a fault.
    #[error("the backup is damaged: its content cannot be decompressed; take another one")]
    Damaged(#[source] io::Error),
    /// It ends before the manifest.
    #[error("the backup was cut short: it has no manifest at its end; take another one")]
    CutShort,
    /// The content is not what the manifest says.
    #[error("the backup was altered: its content is not what its manifest says; take another one")]
    Altered,
    /// Between two readings it became another one.
    #[error(
        "the backup is not the one any more that was looked at before: somebody changed the file meanwhile; find out who, and take another one"
    )]
    Swapped,
    /// A newer program made it.
    #[error(
        "the backup is of format {0}, which this version of the platform does not know; use the version that made it, or a newer one"
    )]
    Newer(u32),
}

/// Gives the content of a backup and keeps what it needs to judge it. Only after
/// [`finish`](Self::finish) is anything of the content to be relied on.
pub struct Reader<'a> {
    from: Box<dyn Read + Send + 'a>,
    tail: std::sync::Arc<std::sync::Mutex<Vec<u8>>>,
    compression: Compression,
    digest: Context,
    bytes: u64,
}

/// Passes bytes on and keeps the last of them.
struct Tail<R> {
    from: R,
    kept: std::sync::Arc<std::sync::Mutex<Vec<u8>>>,
}

impl<R: Read> Read for Tail<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        if let (Ok(mut kept), Some(read)) = (self.kept.lock(), buffer.get(..count)) {
            kept.extend_from_slice(read);
            if kept.len() > 2 * trailer::LONGEST {
                let surplus = kept.len() - trailer::LONGEST;
                kept.drain(..surplus);
            }
        }
        Ok(count)
    }
}

impl<'a> Reader<'a> {
    /// Begins to read.
    ///
    /// # Errors
    /// When zstd finds no memory.
    pub fn new(from: impl Read + Send + 'a, compression: Compression) -> Result<Self, FormatError> {
        let tail = std::sync::Arc::default();
        let kept = std::sync::Arc::clone(&tail);
        let from = BufReader::with_capacity(CHUNK, Tail { from, kept });
        let from: Box<dyn Read + Send + 'a> = match compression {
            Compression::Zstd => {
                Box::new(zstd::stream::read::Decoder::with_buffer(from).map_err(FormatError::Read)?)
            }
            Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(from)),
        };
        Ok(Self {
            from,
            tail,
            compression,
            digest: Context::new(&SHA256),
            bytes: 0,
        })
    }

    /// Reads what is left of the content, and tells what the backup is, once everything in it has
    /// been compared with its manifest.
    ///
    /// # Errors
    /// When it is damaged, cut short, altered, or of a newer format.
    pub fn finish(mut self) -> Result<Manifest, FormatError> {
        io::copy(&mut self, &mut io::sink()).map_err(|error| self.judge(error))?;
        let manifest = self.manifest()?;
        let sha256 = hex(self.digest.finish().as_ref());
        if manifest.content.bytes != self.bytes || manifest.content.sha256 != sha256 {
            return Err(FormatError::Altered);
        }
        Ok(manifest)
    }

    /// What an error of reading the content means.
    pub fn judge(&self, error: io::Error) -> FormatError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => FormatError::CutShort,
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other => {
                FormatError::Damaged(error)
            }
            _ => FormatError::Read(error),
        }
    }

    fn manifest(&self) -> Result<Manifest, FormatError> {
        let tail = self.tail.lock().map_err(|_| FormatError::CutShort)?;
        known(trailer::read(&tail, self.compression))
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.digest.update(buffer.get(..count).unwrap_or(&[]));
        self.bytes += count as u64;
        Ok(count)
    }
}

impl Manifest {
    /// What the end of a backup says it is; nothing of the content is looked at.
    ///
    /// # Errors
    /// When it cannot be read, was cut short, or is of a newer format.
    pub fn peek(
        from: &mut (impl Read + Seek),
        compression: Compression,
    ) -> Result<Self, FormatError> {
        let mut end = Vec::new();
        let read = from.seek(SeekFrom::End(0)).and_then(|length| {
            let begin = length.saturating_sub(trailer::LONGEST as u64);
            from.seek(SeekFrom::Start(begin))?;
            from.read_to_end(&mut end)
        });
        read.map_err(FormatError::Read)?;
        known(trailer::read(&end, compression))
    }
}

fn known(found: Option<Manifest>) -> Result<Manifest, FormatError> {
    let manifest = found.ok_or(FormatError::CutShort)?;
    if manifest.format > FORMAT {
        return Err(FormatError::Newer(manifest.format));
    }
    Ok(manifest)
}
