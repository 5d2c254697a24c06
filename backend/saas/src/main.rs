//! `saas`: the platform's one program.

use std::process::ExitCode;

use clap::Parser as _;
use saas_platform::cli::Cli;

fn main() -> ExitCode {
    saas_platform::run(Cli::parse())
}
