//! `saas openapi`: the descriptions from which documents and clients are generated.

use std::process::ExitCode;

use crate::{Failure, cli::Described, commands::print};

/// Prints the description as JSON, the same bytes for the same program.
pub(crate) fn run(service: Described) -> Result<ExitCode, Failure> {
    let description = match service {
        Described::Core => saas_core::openapi(),
        Described::Registry => saas_registry::openapi(),
    };
    let json = description
        .to_pretty_json()
        .map_err(|error| Failure::failed("the description could not be written").because(error))?;
    print(&format!("{json}\n"))?;
    Ok(ExitCode::SUCCESS)
}
