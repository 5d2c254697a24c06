//! The console's files, embedded at build time.

use saas_web::Embedded;

include!(concat!(env!("OUT_DIR"), "/console_files.rs"));

/// A file of the built console by its path below `dist`, without a leading slash.
pub fn file(path: &str) -> Option<&'static Embedded> {
    let at = FILES.binary_search_by_key(&path, |(name, _)| name).ok()?;
    FILES.get(at).map(|(_, file)| file)
}

/// Whether a console was built before the binary was.
pub const fn is_built() -> bool {
    !FILES.is_empty()
}

/// A file of the page that shows the API's description, below `dist/docs`.
pub fn docs_file(name: &str) -> Option<&'static Embedded> {
    file(&format!("docs/{name}"))
}
