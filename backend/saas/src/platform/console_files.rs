//! The embedded console in the form the gateway serves it.

use saas_gateway::{ConsoleFile, ConsoleFiles};

use crate::console;

/// The files of the console that was built with the binary.
pub(crate) fn files() -> ConsoleFiles {
    ConsoleFiles::new(|path| {
        let plain = console::file(path)?;
        let compressed = console::file(&format!("{path}.gz"));
        Some(ConsoleFile {
            plain: bytes::Bytes::from_static(plain),
            gzip: compressed.map(bytes::Bytes::from_static),
            etag: None,
        })
    })
}
