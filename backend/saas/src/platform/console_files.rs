//! The embedded console in the form the gateway serves it.

use saas_gateway::{ConsoleFile, ConsoleFiles};

use crate::console;

/// The files of the console that was built with the binary.
pub(crate) fn files() -> ConsoleFiles {
    ConsoleFiles::new(|path| {
        Some(ConsoleFile {
            content: console::file(path)?,
            etag: None,
        })
    })
}
