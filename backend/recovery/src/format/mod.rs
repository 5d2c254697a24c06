//! What a backup is, as bytes.
//!
//! The content is what the database's own tools read: for PostgreSQL the SQL that `pg_dump` wrote,
//! for SQLite the database file. It is compressed by zstd (RFC 8878) or gzip (RFC 1952), and behind
//! it, within the same file, comes the [`Manifest`] in a part that both formats let readers pass
//! over: a skippable frame of zstd, or the comment of an empty member of gzip. So `zstd -d` and
//! `gunzip` give the content alone, and nobody needs this program to get at it.
//!
//! | part | zstd | gzip |
//! |---|---|---|
//! | content | one frame with its checksum | one member |
//! | manifest | skippable frame `5E 2A 4D 18`, its length, the manifest | empty member whose comment is the manifest |
//! | length of the manifest part's text | 8 hexadecimal digits at the end of the frame | 8 hexadecimal digits at the end of the comment |
//!
//! The manifest comes last, since only then is known what it says of the content. A file that was
//! cut short has none, and is refused for that.

mod compression;
mod manifest;
mod name;
mod reader;
mod tables;
mod trailer;
mod writer;

pub use compression::Compression;
pub(crate) use manifest::hex;
pub use manifest::{Content, Engine, FORMAT, Manifest, TableSummary};
pub use name::{BackupName, NoBackupName};
pub use reader::{FormatError, Reader};
pub(crate) use tables::copied_table;
pub use tables::{DumpTables, RowDigest};
pub use writer::Writer;
