//! The wiring of everything behind the one program `saas`. No logic of its own: commands are thin,
//! and [`platform`] puts the services together, for the program and for tests alike.

mod backups;
pub mod cli;
mod commands;
mod console;
mod data_dir;
mod drill;
mod failure;
pub mod host_name;
pub mod platform;
mod settings;
mod terminal;

use std::process::ExitCode;

use cli::{Cli, Command, Config, Token, User};
use data_dir::ONE_TIME_PASSWORD_FILE;
pub use data_dir::{DataDir, DataDirError};
pub use failure::Failure;

/// Runs one command to its end and tells the exit status: 0 done, 1 failed, 2 something has to be
/// corrected first. What went wrong is said on standard error in one sentence, causes after colons.
pub fn run(cli: Cli) -> ExitCode {
    let done = match cli.command {
        Command::Up => commands::serve::run(platform::Form::Up),
        Command::Registry => commands::serve::run(platform::Form::Registry),
        Command::Core => commands::serve::run(platform::Form::Core),
        Command::Gateway => commands::serve::run(platform::Form::Gateway),
        Command::Migrate(command) => commands::migrate::run(&command),
        Command::Backup(command) => commands::backup::run(&command),
        Command::Config(Config::Check { role }) => commands::config::check(role),
        Command::Config(Config::Show(output)) => commands::config::show(&output),
        Command::Config(Config::Generate(generate)) => commands::generate::run(&generate),
        Command::Config(Config::Document { language }) => commands::config::document(language),
        Command::Token(Token::Create {
            service,
            public,
            days,
        }) => commands::token::create(&service, public, days),
        Command::User(User::ResetPassword { email }) => commands::user::reset_password(&email),
        Command::Drain(drain) => commands::drain::run(&drain),
        Command::Undrain(which) => commands::drain::undo(&which),
        Command::Healthcheck(healthcheck) => commands::healthcheck::run(&healthcheck),
        Command::Doctor(doctor) => commands::doctor::run(&doctor),
        Command::OneTimePassword => commands::one_time_password::run(),
        Command::Openapi { service } => commands::openapi::run(service),
    };
    match done {
        Ok(code) => code,
        Err(failure) => {
            commands::tell(&failure.to_string());
            failure.exit_code()
        }
    }
}
