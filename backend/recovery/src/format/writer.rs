//! Writing a backup.

use std::io::{self, Write};

use ring::digest::{Context, SHA256};

use super::{Compression, Content, Manifest, manifest::hex, trailer};

/// Takes the content and writes the backup. Without [`finish`](Self::finish) what it wrote is no
/// backup.
pub struct Writer<W: Write> {
    to: Compressor<W>,
    compression: Compression,
    digest: Context,
    bytes: u64,
}

enum Compressor<W: Write> {
    Zstd(zstd::stream::write::Encoder<'static, W>),
    Gzip(flate2::write::GzEncoder<W>),
}

/// The level that zstd itself takes for its default.
const ZSTD_LEVEL: i32 = 3;

impl<W: Write> Writer<W> {
    /// Begins a backup.
    ///
    /// # Errors
    /// When zstd finds no memory.
    pub fn new(to: W, compression: Compression) -> io::Result<Self> {
        let to = match compression {
            Compression::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(to, ZSTD_LEVEL)?;
                encoder.include_checksum(true)?;
                Compressor::Zstd(encoder)
            }
            Compression::Gzip => Compressor::Gzip(flate2::write::GzEncoder::new(
                to,
                flate2::Compression::default(),
            )),
        };
        Ok(Self {
            to,
            compression,
            digest: Context::new(&SHA256),
            bytes: 0,
        })
    }

    /// Ends the content, and writes the manifest that `describe` makes of it.
    ///
    /// # Errors
    /// When what is written to fails.
    pub fn finish(self, describe: impl FnOnce(Content) -> Manifest) -> io::Result<(W, Manifest)> {
        let content = Content {
            bytes: self.bytes,
            sha256: hex(self.digest.finish().as_ref()),
        };
        let mut to = match self.to {
            Compressor::Zstd(encoder) => encoder.finish()?,
            Compressor::Gzip(encoder) => encoder.finish()?,
        };
        let manifest = describe(content);
        to.write_all(&trailer::write(&manifest, self.compression))?;
        to.flush()?;
        Ok((to, manifest))
    }
}

impl<W: Write> Write for Writer<W> {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        let taken = match &mut self.to {
            Compressor::Zstd(encoder) => encoder.write(content),
            Compressor::Gzip(encoder) => encoder.write(content),
        }?;
        let taken_bytes = content.get(..taken).unwrap_or(content);
        self.digest.update(taken_bytes);
        self.bytes += taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.to {
            Compressor::Zstd(encoder) => encoder.flush(),
            Compressor::Gzip(encoder) => encoder.flush(),
        }
    }
}
