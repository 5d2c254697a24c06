use std::error::Error;
use std::io;

/// Why a test server could not be had or used.
#[derive(Debug, thiserror::Error)]
pub enum ServersError {
    /// A program is not installed.
    #[error("`{program}` was not found; `make setup` installs what the tests need")]
    Missing {
        /// The program's name.
        program: &'static str,
    },
    /// Running as root, and no other user exists to run PostgreSQL under.
    #[error("PostgreSQL does not run as root, and neither `postgres` nor `nobody` exists here")]
    NoUser,
    /// The server ended or did not answer in time.
    #[error("{server} did not start: {reason}")]
    Start {
        /// Which server.
        server: &'static str,
        /// What was seen, with the end of its log.
        reason: String,
    },
    /// A program that prepares or queries a server failed.
    #[error("`{program}` failed: {output}")]
    Program {
        /// The program's name.
        program: &'static str,
        /// What it wrote to standard error.
        output: String,
    },
    /// A URL in the environment cannot be read.
    #[error("{variable} is not a URL of the form {form}")]
    Url {
        /// The variable or its meaning.
        variable: &'static str,
        /// What was expected.
        form: &'static str,
    },
    /// Redis answered something else than expected.
    #[error("Redis answered `{answer}` to `{command}`")]
    Redis {
        /// The command's first word.
        command: String,
        /// The answer's first line.
        answer: String,
    },
    /// The migration of the template database failed.
    #[error("the template database could not be migrated")]
    Migrate(#[source] Box<dyn Error + Send + Sync>),
    /// A certificate could not be made.
    #[error("a certificate could not be made")]
    Certificate(#[source] Box<dyn Error + Send + Sync>),
    /// The system refused.
    #[error("could not {doing}")]
    Io {
        /// What was attempted.
        doing: String,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
}

impl ServersError {
    /// For `map_err`: names what was attempted.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        |source| Self::Io { doing, source }
    }
}
