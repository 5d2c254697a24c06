//! What can be wrong with the settings, each as one sentence that names the setting and the remedy.

use std::{io, path::PathBuf};

use crate::Origin;

/// The settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The settings file cannot be read.
    #[error("the settings file {} cannot be read: {source}; correct SAAS_CONFIG or the file's permissions", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The settings file is not TOML.
    #[error("the settings file {} is not valid TOML: {message}; correct that line (`name = value`, text in quotation marks)", path.display())]
    NotToml {
        /// The file.
        path: PathBuf,
        /// Where and why.
        message: String,
    },
    /// The settings file has a key that no setting has.
    #[error("the settings file {} has the unknown key `{key}`{}", path.display(), advice(*suggestion))]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// The setting whose name is closest.
        suggestion: Option<&'static str>,
    },
    /// A setting in the file is a table, or is there twice in different case.
    #[error("`{key}` in the settings file {} {problem}", path.display())]
    MisplacedKey {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Both `NAME` and `NAME_FILE` are set.
    #[error("both {name} and {name}_FILE are set; unset one of them")]
    Both {
        /// The setting.
        name: &'static str,
    },
    /// Two ways to get a token of Vault's.
    #[error(
        "both {first} and {second} are set, each of which is a login to Vault; unset one of them"
    )]
    TwoLogins {
        /// One of them.
        first: &'static str,
        /// Another one.
        second: &'static str,
    },
    /// Vault is named, but no way to get a token of Vault's.
    #[error(
        "VAULT_ADDR is set without a login; set VAULT_TOKEN, or VAULT_ROLE_ID and VAULT_SECRET_ID, or VAULT_KUBERNETES_ROLE"
    )]
    NoLogin,
    /// The file that `NAME_FILE` names cannot be read.
    #[error("{name}_FILE names {}, which cannot be read: {source}; correct the path, or let the user of this process read it", path.display())]
    SecretFile {
        /// The setting.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A value is not of the setting's kind.
    #[error("{name}{} is not valid ({origin}): {reason}", value.as_deref().map(|value| format!(" = `{value}`")).unwrap_or_default())]
    Invalid {
        /// The setting.
        name: &'static str,
        /// Its value, unless it is secret.
        value: Option<String>,
        /// Where it came from.
        origin: Origin,
        /// What was expected.
        reason: String,
    },
    /// A setting that this process needs is not there.
    #[error("{name} is not set; {remedy}")]
    Missing {
        /// The setting.
        name: &'static str,
        /// How to set it.
        remedy: &'static str,
    },
    /// A command needs the platform's secret, and there is none where it would lie.
    #[error("SECRET_KEY is not set, and no platform has been started in DATA_DIR ({}) either; set one of them as the platform has it, or run this in the folder where the platform was started", path.display())]
    NoPlatform {
        /// Where it would lie.
        path: PathBuf,
    },
    /// A value that is too dangerous for production.
    #[error("{name} {reason}, which ENVIRONMENT=production refuses; {remedy}")]
    Unsafe {
        /// The setting.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The data directory cannot be used.
    #[error("the data directory {} cannot be used: {source}; make it writable for this user or set DATA_DIR to one that is", path.display())]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn advice(suggestion: Option<&str>) -> String {
    match suggestion {
        Some(name) => format!("; did you mean `{}`?", name.to_ascii_lowercase()),
        None => "; `saas config show` lists the settings".to_owned(),
    }
}
