//! What can be wrong, each as one sentence that names the setting and the remedy, and tells no secret.

use std::{io, path::PathBuf};

use saas_config::ConfigError;
use saas_tls::TlsError;

/// No secrets come from Vault.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The settings cannot be used.
    #[error(transparent)]
    Settings(#[from] ConfigError),
    /// The authorities cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Nobody answers.
    #[error(
        "Vault cannot be reached at {address} (VAULT_ADDR): {reason}; start it, or correct the address and the network between"
    )]
    Unreachable {
        /// `VAULT_ADDR`.
        address: String,
        /// What the connection said.
        reason: String,
    },
    /// Somebody answers, who has not shown to be Vault.
    #[error(
        "the certificate of Vault at {address} (VAULT_ADDR) is not trusted: {reason}; name the PEM file of its authority in VAULT_CACERT, and the host as the certificate does"
    )]
    Untrusted {
        /// `VAULT_ADDR`.
        address: String,
        /// What the library said.
        reason: String,
    },
    /// https is spoken on one side only.
    #[error("VAULT_ADDR is {address}, where {reason}; correct its scheme or its port")]
    OtherScheme {
        /// `VAULT_ADDR`.
        address: String,
        /// What was seen.
        reason: &'static str,
    },
    /// It is locked.
    #[error("Vault at {address} (VAULT_ADDR) is sealed; unseal it with `vault operator unseal`")]
    Sealed {
        /// `VAULT_ADDR`.
        address: String,
    },
    /// It is new.
    #[error(
        "Vault at {address} (VAULT_ADDR) is not initialised; run `vault operator init`, unseal it, and write the secrets"
    )]
    Uninitialised {
        /// `VAULT_ADDR`.
        address: String,
    },
    /// It is not well, or is a standby that passes nothing on.
    #[error(
        "Vault at {address} (VAULT_ADDR) answers with status {status}{said}; see to its health, or name one that serves in VAULT_ADDR"
    )]
    Unavailable {
        /// `VAULT_ADDR`.
        address: String,
        /// The status.
        status: u16,
        /// Its words, in parentheses.
        said: String,
    },
    /// Somebody else answers.
    #[error(
        "what answers at {address} (VAULT_ADDR) does not speak as Vault does: {problem}; correct the address"
    )]
    NotVault {
        /// `VAULT_ADDR`.
        address: String,
        /// What was wrong with the answer.
        problem: String,
    },
    /// The token given is not good.
    #[error(
        "Vault at {address} refuses VAULT_TOKEN, which is wrong, revoked or has expired; set it to one that is valid (and VAULT_NAMESPACE to the one it is of)"
    )]
    TokenRefused {
        /// `VAULT_ADDR`.
        address: String,
    },
    /// The login is not good.
    #[error("Vault refuses the login at {at} with status {status}{said}; correct {settings}")]
    LoginRefused {
        /// The method's mount.
        at: String,
        /// The status.
        status: u16,
        /// Its words, in parentheses.
        said: String,
        /// What to look at.
        settings: &'static str,
    },
    /// The pod's token is not there.
    #[error("the service account's token {} cannot be read: {source}; run in a pod that has one, or correct VAULT_KUBERNETES_TOKEN_FILE", path.display())]
    PodToken {
        /// Where it should be.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The token is good, and the place closed to it.
    #[error(
        "Vault lets nobody with this login read {place}; give it a policy with the capability `read` there, or correct VAULT_MOUNT, VAULT_PATH and VAULT_NAMESPACE"
    )]
    Forbidden {
        /// `VAULT_MOUNT` and `VAULT_PATH`.
        place: String,
    },
    /// There is nothing.
    #[error(
        "Vault has nothing at {place}; write the secrets with `vault kv put -mount={mount} {path} SECRET_KEY=…`, or correct VAULT_MOUNT and VAULT_PATH{hint}"
    )]
    Nothing {
        /// `VAULT_MOUNT` and `VAULT_PATH`.
        place: String,
        /// `VAULT_MOUNT`.
        mount: String,
        /// `VAULT_PATH`.
        path: String,
        /// What may be wrong with it.
        hint: &'static str,
    },
    /// There was something.
    #[error(
        "the newest version of {place} in Vault has been deleted; bring one back with `vault kv undelete`, or write the secrets anew"
    )]
    Deleted {
        /// `VAULT_MOUNT` and `VAULT_PATH`.
        place: String,
    },
    /// The mount is of another kind.
    #[error(
        "VAULT_MOUNT is `{mount}`, where Vault has {found}; name a KV secrets engine of version 2 (`vault kv enable-versioning {mount}/` turns version 1 into 2)"
    )]
    OtherEngine {
        /// `VAULT_MOUNT`.
        mount: String,
        /// What is there.
        found: String,
    },
    /// A value that no setting can have.
    #[error(
        "the value of {key} at {place} in Vault is {kind}; write it as text, as `vault kv put` does"
    )]
    NotText {
        /// The setting.
        key: &'static str,
        /// `VAULT_MOUNT` and `VAULT_PATH`.
        place: String,
        /// What it is.
        kind: &'static str,
    },
}

impl VaultError {
    /// Whether waiting may help: Vault may be starting, or being unsealed.
    pub const fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Sealed { .. }
                | Self::Uninitialised { .. }
                | Self::Unavailable { .. }
        )
    }
}
