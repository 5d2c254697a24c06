//! The commands of `saas`, a file each.

pub(crate) mod ask;
pub(crate) mod backup;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod drain;
pub(crate) mod generate;
pub(crate) mod healthcheck;
pub(crate) mod migrate;
pub(crate) mod one_time_password;
pub(crate) mod openapi;
mod reload;
pub(crate) mod serve;
pub(crate) mod token;
pub(crate) mod user;

use std::{future::Future, io::Write as _};

use saas_config::{Role, Settings};
use saas_domain::Clock;
use saas_security::{InternalRole, InternalSigner, RootSecret};

use crate::{Failure, settings, terminal::plain};

/// Runs a short command's future on a runtime of its own.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

/// The settings of a command that does its work and ends, with the secret that development keeps
/// in the data directory.
pub(crate) fn tool_settings() -> Result<Settings, Failure> {
    let mut settings = settings::load(Role::Tool)?;
    settings.read_development_secret()?;
    Ok(settings)
}

/// Prints to standard output. Whoever reads may have read enough: a closed pipe is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Says one sentence on standard error, whoever may have stopped listening there.
pub(crate) fn tell(sentence: &str) {
    let _ = writeln!(std::io::stderr(), "saas: {}", plain(sentence));
}

/// The root secret of the settings.
pub(crate) fn root_secret(settings: &Settings) -> Result<RootSecret, Failure> {
    let previous = settings.secret_key_previous.as_ref();
    Ok(RootSecret::new(
        settings.secret_key()?.as_bytes(),
        previous.map(saas_config::Secret::as_bytes),
    ))
}

/// A token with which the operator of this machine talks to the running platform.
pub(crate) fn operator_token(settings: &Settings) -> Result<String, Failure> {
    InternalSigner::new(&root_secret(settings)?, InternalRole::Operator)
        .token(Clock::system().now())
        .map_err(|error| Failure::failed("no token could be made").because(error))
}
