//! Why a command ended without doing what it was asked for.

use std::{error::Error, fmt, io, process::ExitCode};

use saas_config::ConfigError;
use saas_migration::MigrationError;
use saas_storage::StorageError;
use saas_web::BindError;

use crate::DataDirError;

/// A failure, as one sentence with its causes, and the exit status that goes with it.
#[derive(Debug)]
pub struct Failure {
    what: String,
    source: Option<Box<dyn Error + Send + Sync>>,
    is_correctable: bool,
}

impl Failure {
    /// Something in the command, the settings or the surroundings has to be corrected first: exit
    /// status 2, at which a supervisor should not simply try again.
    pub fn correctable(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            source: None,
            is_correctable: true,
        }
    }

    /// It was tried and failed: exit status 1.
    pub fn failed(what: impl Into<String>) -> Self {
        Self {
            is_correctable: false,
            ..Self::correctable(what)
        }
    }

    /// With its cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The exit status.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(if self.is_correctable { 2 } else { 1 })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        let mut said = self.what.clone();
        let mut cause: Option<&(dyn Error + 'static)> =
            self.source.as_deref().map(|source| source as _);
        while let Some(error) = cause {
            // An error that repeats its source in its own text is not told twice.
            let text = error.to_string();
            if !said.contains(&text) {
                write!(f, ": {text}")?;
                said.push_str(&text);
            }
            cause = error.source();
        }
        Ok(())
    }
}

impl Error for Failure {}

macro_rules! correctable_from {
    ($($error:ty),+) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                let what = error.to_string();
                Self::correctable(what).because(error)
            }
        }
    )+};
}

correctable_from!(
    ConfigError,
    DataDirError,
    BindError,
    MigrationError,
    StorageError,
    saas_telemetry::StartError,
    saas_security::KeyError,
    saas_recovery::PlaceError,
    saas_recovery::BucketError,
    saas_recovery::RecoveryError,
    saas_tls::TlsError,
    saas_vault::VaultError
);

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::failed("the operating system refused something").because(error)
    }
}
