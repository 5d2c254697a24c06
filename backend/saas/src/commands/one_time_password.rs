//! `saas one-time-password`: for the first sign-in in production.

use std::{fs, io, process::ExitCode};

use saas_config::Role;

use crate::{Failure, ONE_TIME_PASSWORD_FILE, commands::print, settings};

/// Prints the password that the first start kept, and removes the file.
pub(crate) fn run() -> Result<ExitCode, Failure> {
    let path = settings::load_without_secrets(Role::Tool)?
        .data_dir
        .join(ONE_TIME_PASSWORD_FILE);
    let password = fs::read_to_string(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::failed(
            "no one-time password is kept here; it was printed already, ADMIN_PASSWORD was set, or another core made the administrator",
        ),
        _ => Failure::failed(format!("{} cannot be read", path.display())).because(error),
    })?;
    print(&password)?;
    fs::remove_file(&path).map_err(|error| {
        Failure::failed(format!("{} cannot be removed", path.display())).because(error)
    })?;
    Ok(ExitCode::SUCCESS)
}
