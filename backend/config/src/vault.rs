//! Settings of HashiCorp Vault, from which secrets may come. They are read before the others, since
//! the others may lie there; whoever fetches them hands them to [`Sources::with_vault`].

use std::path::PathBuf;

use crate::{
    ConfigError, Secret, SettingInfo, Sources, parse::web_origin, sources::Resolved,
    validate::is_plain_http_elsewhere,
};

/// Where Kubernetes puts a pod's token unless told otherwise.
const POD_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// Where Vault is, what to read there, and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultSettings {
    /// `VAULT_ADDR` as `scheme://host[:port]`.
    pub address: String,
    /// `VAULT_NAMESPACE`.
    pub namespace: Option<String>,
    /// `VAULT_MOUNT`, without slashes around it.
    pub mount: String,
    /// `VAULT_PATH`, without slashes around it.
    pub path: String,
    /// The authorities to believe beside the system's, and the setting that names them:
    /// `VAULT_CACERT`, else `TLS_CA_FILE`.
    pub ca_file: Option<(&'static str, PathBuf)>,
    /// As whom.
    pub login: VaultLogin,
}

/// A way to get a token of Vault's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VaultLogin {
    /// `VAULT_TOKEN`: a token that somebody else made.
    Token(Secret),
    /// By the `AppRole` method.
    AppRole {
        /// `VAULT_APPROLE_MOUNT`.
        mount: String,
        /// `VAULT_ROLE_ID`.
        role_id: String,
        /// `VAULT_SECRET_ID`.
        secret_id: Secret,
    },
    /// By the Kubernetes method.
    Kubernetes {
        /// `VAULT_KUBERNETES_MOUNT`.
        mount: String,
        /// `VAULT_KUBERNETES_ROLE`.
        role: String,
        /// `VAULT_KUBERNETES_TOKEN_FILE`, or where Kubernetes puts the pod's token.
        token_file: PathBuf,
    },
}

impl VaultSettings {
    /// What these sources say about Vault; `None` if `VAULT_ADDR` is not set.
    ///
    /// # Errors
    /// When there is no login, more than one, half of one, or a value that cannot be used.
    pub fn of(sources: &Sources) -> Result<Option<Self>, ConfigError> {
        let from = sources.resolve()?;
        let Some(address) = address(&from)? else {
            return Ok(None);
        };
        let ca_file = |name| Some((name, PathBuf::from(from.text(name)?)));
        Ok(Some(Self {
            address,
            namespace: place(&from, "VAULT_NAMESPACE")?,
            mount: place(&from, "VAULT_MOUNT")?.unwrap_or_default(),
            path: place(&from, "VAULT_PATH")?.unwrap_or_default(),
            ca_file: ca_file("VAULT_CACERT").or_else(|| ca_file("TLS_CA_FILE")),
            login: login(&from)?,
        }))
    }

    /// Where the secrets lie, as Vault's API and its policies name it: `secret/data/saas/production`.
    pub fn place(&self) -> String {
        format!("{}/data/{}", self.mount, self.path)
    }
}

impl SettingInfo {
    /// The setting of this name, if Vault may hold it: a secret, but none with which to enter Vault.
    pub fn find_in_vault(name: &str) -> Option<&'static Self> {
        Self::find(name).filter(|setting| setting.secret && !setting.name.starts_with("VAULT_"))
    }
}

fn address(from: &Resolved) -> Result<Option<String>, ConfigError> {
    let address = from.read("VAULT_ADDR", |text| {
        web_origin(text).map_err(|_| {
            "expected an address such as `https://vault.example.com:8200`, without a path"
                .to_owned()
        })
    })?;
    let is_open = address.as_deref().is_some_and(is_plain_http_elsewhere);
    if is_open && from.environment()?.is_production() {
        return Err(ConfigError::Unsafe {
            name: "VAULT_ADDR",
            reason:
                "is plain http to another machine, so that every secret would travel in the clear"
                    .to_owned(),
            remedy: "set it to an https:// address, with VAULT_CACERT for an authority of your own",
        });
    }
    Ok(address)
}

/// A name in a tree such as Vault's, without slashes around it.
pub(crate) fn place(from: &Resolved, name: &'static str) -> Result<Option<String>, ConfigError> {
    from.read(name, |text| {
        let text = text.trim().trim_matches('/');
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        let is_whole = |part: &str| !matches!(part, "" | "." | "..");
        if text.bytes().all(is_plain) && text.split('/').all(is_whole) {
            return Ok(text.to_owned());
        }
        Err("expected letters, digits, `-`, `.`, `_`, `~` and single slashes".to_owned())
    })
}

fn login(from: &Resolved) -> Result<VaultLogin, ConfigError> {
    let ways = [
        ("VAULT_TOKEN", from.text("VAULT_TOKEN").is_some()),
        ("VAULT_ROLE_ID", from.text("VAULT_ROLE_ID").is_some()),
        (
            "VAULT_KUBERNETES_ROLE",
            from.text("VAULT_KUBERNETES_ROLE").is_some(),
        ),
    ];
    let mut given = ways.iter().filter(|(_, is_set)| *is_set);
    let (first, second) = (given.next(), given.next());
    if let (Some((first, _)), Some((second, _))) = (first, second) {
        return Err(ConfigError::TwoLogins { first, second });
    }
    match first {
        Some(("VAULT_TOKEN", _)) => Ok(VaultLogin::Token(credential(from, "VAULT_TOKEN")?)),
        Some(("VAULT_ROLE_ID", _)) => Ok(VaultLogin::AppRole {
            mount: place(from, "VAULT_APPROLE_MOUNT")?.unwrap_or_default(),
            role_id: from.text("VAULT_ROLE_ID").unwrap_or_default().to_owned(),
            secret_id: match from.text("VAULT_SECRET_ID") {
                Some(_) => credential(from, "VAULT_SECRET_ID")?,
                None => {
                    return Err(ConfigError::Missing {
                        name: "VAULT_SECRET_ID",
                        remedy: "VAULT_ROLE_ID is of no use without; make one with `vault write -f auth/approle/role/NAME/secret-id`",
                    });
                }
            },
        }),
        Some(_) => Ok(VaultLogin::Kubernetes {
            mount: place(from, "VAULT_KUBERNETES_MOUNT")?.unwrap_or_default(),
            role: from
                .text("VAULT_KUBERNETES_ROLE")
                .unwrap_or_default()
                .to_owned(),
            token_file: PathBuf::from(
                from.text("VAULT_KUBERNETES_TOKEN_FILE")
                    .unwrap_or(POD_TOKEN),
            ),
        }),
        None if from.text("VAULT_SECRET_ID").is_some() => Err(ConfigError::Missing {
            name: "VAULT_ROLE_ID",
            remedy: "VAULT_SECRET_ID is of no use without; read it with `vault read auth/approle/role/NAME/role-id`",
        }),
        None => Err(ConfigError::NoLogin),
    }
}

/// What Vault gave out. It travels in a header, or in JSON, and never holds spaces.
fn credential(from: &Resolved, name: &'static str) -> Result<Secret, ConfigError> {
    let found = from.read(name, |text| {
        let text = text.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Secret::new(text));
        }
        Err("expected one word of letters, digits and signs, as Vault gave it out".to_owned())
    })?;
    found.ok_or(ConfigError::NoLogin)
}
