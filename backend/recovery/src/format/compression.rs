//! The two ways in which a backup is compressed.

/// How a backup is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Zstandard, level 3: several times as fast as gzip, and smaller.
    #[default]
    Zstd,
    /// gzip, level 6: read by what is on every machine.
    Gzip,
}

impl Compression {
    /// The end of the file's name.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Zstd => "zst",
            Self::Gzip => "gz",
        }
    }
}
