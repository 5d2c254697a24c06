//! Embeds the built console, `frontend/admin/dist`, as a table of paths and bytes: of a file that
//! lies there compressed too, that form alone.
//!
//! Without a built console the table is empty, so that checks and tests of the back end need no
//! Node.js; the gateway then says how to build it.

use std::{
    env,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

/// The end of the name under which a file's compressed form lies beside it.
const COMPRESSED: &str = ".gz";

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let dist = manifest.join("../../frontend/admin/dist");
    println!("cargo:rerun-if-changed={}", dist.display());
    println!("cargo:rerun-if-changed=build.rs");
    let mut files = Vec::new();
    if dist.is_dir() {
        collect(&dist, &dist, &mut files)?;
        // By name, as the look-up's binary search compares them.
        files.sort();
    }
    let named = files.iter().filter(|(name, _)| !name.ends_with(COMPRESSED));
    let count = named.clone().count();
    let mut table = format!("static FILES: [(&str, Embedded); {count}] = [\n");
    for (name, file) in named {
        let compressed = format!("{name}{COMPRESSED}");
        let compressed = files.iter().find(|(name, _)| *name == compressed);
        let (form, file) = match compressed {
            Some((_, file)) => ("gzip", file),
            None => ("Plain", file),
        };
        let file = file.to_string_lossy();
        let _ = writeln!(
            table,
            "    ({name:?}, Embedded::{form}(include_bytes!({file:?}))),"
        );
    }
    table.push_str("];\n");
    let out = PathBuf::from(variable("OUT_DIR")?);
    fs::write(out.join("console_files.rs"), table)
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(io::Error::other)
}

/// Every file below `folder`: its name relative to `root`, and its absolute path.
fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else {
            let name = path.strip_prefix(root).map_err(io::Error::other)?;
            let name = name.to_string_lossy().replace('\\', "/");
            files.push((name, path.canonicalize()?));
        }
    }
    Ok(())
}
