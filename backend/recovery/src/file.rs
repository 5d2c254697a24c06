//! Files of which the bytes that were looked at are the bytes that are used.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use rustix::fs::{Mode, OFlags};

/// The end of a name by which a file is known to be in use, or left behind.
pub(crate) const PARTIAL: &str = ".partial";

/// A file to be read. What lies there under its name may be a pipe, which would be waited for
/// without end, or a directory.
///
/// # Errors
/// When it is not there, or no regular file.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let options = options
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    let file = options.open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    Ok(file)
}

/// A file without a name, which nobody else can open, in this directory.
///
/// # Errors
/// When this user may not write there.
pub(crate) fn unnamed(directory: &Path) -> io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
    match rustix::fs::open(directory, flags, Mode::RUSR | Mode::WUSR) {
        Ok(file) => Ok(file.into()),
        // Not every file system has such files: there it loses its name at once.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::ISDIR) => {
            let path = directory.join(format!(".saas_read_{}{PARTIAL}", std::process::id()));
            let mut options = OpenOptions::new();
            let options = options.read(true).write(true).create_new(true).mode(0o600);
            let file = options.open(&path)?;
            fs::remove_file(&path)?;
            Ok(file)
        }
        Err(error) => Err(error.into()),
    }
}

/// Bytes that are free beside this file, if that can be told.
pub(crate) fn free(file: &File) -> Option<u64> {
    let told = rustix::fs::fstatvfs(file).ok()?;
    Some(told.f_bavail.saturating_mul(told.f_frsize))
}
