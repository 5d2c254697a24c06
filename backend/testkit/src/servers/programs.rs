//! Where PostgreSQL's programs are.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::{env, fs};

/// The directory with `initdb`, `postgres` and `psql`: Debian keeps one per version, outside
/// `PATH`; the newest is taken.
pub(super) fn postgres() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOUND.get_or_init(|| debian().or_else(in_path)).as_deref()
}

/// The real `psql`: Debian's `/usr/bin/psql` is a Perl script that takes longer than most queries.
pub(super) fn psql() -> PathBuf {
    postgres()
        .map(|directory| directory.join("psql"))
        .filter(|path| path.exists())
        .unwrap_or_else(|| "psql".into())
}

fn debian() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let newest = versions
        .filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, path)| path.join("initdb").exists())
        .max();
    newest.map(|(_, path)| path)
}

fn in_path() -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .find(|path| path.join("initdb").exists() && path.join("postgres").exists())
}
