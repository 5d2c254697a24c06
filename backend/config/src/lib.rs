//! Typed settings from defaults, file, environment and `<NAME>_FILE`.
//!
//! Every setting stands in one table, [`SETTINGS`], and is resolved in this order, the later winning:
//! its default, the file (`SAAS_CONFIG`, else `./saas.toml` if there is one), the environment, and,
//! for those that may hold a secret, the file that `<NAME>_FILE` names, and what Vault holds. Unknown
//! keys are refused in the file, not in the environment. This crate talks to nobody: who fetches
//! secrets from Vault (by [`VaultSettings`]) hands them to [`Sources::with_vault`].
//!
//! ```
//! use saas_config::{Role, Settings, Sources};
//!
//! let sources = Sources::new(".").with_variable("GATEWAY_PORT", "9000");
//! let settings = Settings::from_sources(Role::Up, &sources)?;
//! assert_eq!(settings.gateway_port, 9000);
//! # Ok::<(), saas_config::ConfigError>(())
//! ```

mod backup;
mod chinese;
mod data_dir;
mod document;
mod error;
mod network;
mod parse;
mod secret;
mod settings;
mod sources;
mod table;
mod tls;
mod traces;
mod upstream;
mod validate;
mod values;
mod vault;

pub use backup::{BackupSettings, Hook, S3Settings};
pub use document::{Language, settings_document};
pub use error::ConfigError;
pub use network::{IpNetwork, NetworkError, Networks};
pub use secret::Secret;
pub use settings::{DatabaseKind, Settings};
pub use sources::{Origin, Shown, Sources};
pub use table::{Role, SETTINGS, SettingInfo};
pub use tls::{AcmeSettings, TlsSettings};
pub use traces::TraceSettings;
pub use values::{CorsOrigins, Environment, LogFormat, LogLevel, Signup};
pub use vault::{VaultLogin, VaultSettings};
