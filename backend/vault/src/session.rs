//! One login to Vault, and what is read with it.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use saas_config::{ConfigError, Secret, SettingInfo, VaultLogin, VaultSettings};
use saas_domain::Random;
use serde_json::{Value, json};

use crate::{
    VaultError,
    answer::{Answer, kind},
    api::Api,
    lease::Lease,
};

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How long the end waits for Vault to take a token back.
const FAREWELL: Duration = Duration::from_secs(2);

/// What Vault held.
#[derive(Debug)]
pub struct Secrets {
    /// Where: `secret/data/saas/production`.
    pub place: String,
    /// Settings and their values.
    pub values: Vec<(&'static str, Secret)>,
    /// Keys that no secret setting has, in order.
    pub unknown: Vec<String>,
}

/// A login to Vault.
#[derive(Debug)]
pub struct Session {
    pub(crate) settings: VaultSettings,
    api: Api,
    token: Option<Secret>,
    pub(crate) lease: Option<Lease>,
}

/// What became of a token that was to be kept alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It lives longer.
    Renewed,
    /// There is another one.
    Replaced,
    /// It ends, and nobody here can get another one.
    Ends,
}

impl Session {
    /// Logs in and reads. While Vault cannot be reached, is sealed or not well, tries again for as
    /// long as `patience`, so that it does not matter which of the two was started first.
    pub async fn begin(
        settings: VaultSettings,
        patience: Duration,
        random: &Random,
    ) -> Result<(Self, Secrets), VaultError> {
        let began = Instant::now();
        let mut session = Self {
            api: Api::new(&settings)?,
            settings,
            token: None,
            lease: None,
        };
        let mut pause = FIRST_PAUSE;
        loop {
            let wait = pause.mul_f64(1.0 + f64::from(random.below(500)) / 1000.0);
            match session.log_in_and_read().await {
                Ok(secrets) => return Ok((session, secrets)),
                Err(error) if error.may_pass() && began.elapsed() + wait < patience => {
                    tokio::time::sleep(wait).await;
                    pause = LONGEST_PAUSE.min(pause * 2);
                }
                Err(error) => {
                    session.end().await;
                    return Err(error);
                }
            }
        }
    }

    async fn log_in_and_read(&mut self) -> Result<Secrets, VaultError> {
        if self.token.is_none() {
            self.log_in().await?;
        }
        self.read().await
    }

    async fn log_in(&mut self) -> Result<(), VaultError> {
        match self.settings.login.clone() {
            VaultLogin::Token(token) => {
                self.token = Some(token);
                Ok(())
            }
            VaultLogin::AppRole {
                mount,
                role_id,
                secret_id,
            } => {
                let secret_id = secret_id.expose();
                let body = json!({ "role_id": role_id, "secret_id": secret_id });
                let settings = "VAULT_ROLE_ID, VAULT_SECRET_ID and VAULT_APPROLE_MOUNT";
                self.log_in_at(&mount, &body, secret_id, settings).await
            }
            VaultLogin::Kubernetes {
                mount,
                role,
                token_file,
            } => {
                let jwt = pod_token(&token_file)?;
                let body = json!({ "role": role, "jwt": jwt.expose() });
                let settings = "VAULT_KUBERNETES_ROLE and VAULT_KUBERNETES_MOUNT, and the role's service accounts, namespaces and audience in Vault";
                self.log_in_at(&mount, &body, jwt.expose(), settings).await
            }
        }
    }

    async fn log_in_at(
        &mut self,
        mount: &str,
        body: &Value,
        secret: &str,
        settings: &'static str,
    ) -> Result<(), VaultError> {
        let at = format!("auth/{mount}");
        let path = format!("{at}/login");
        let answer = self.api.post(&path, None, body).await?;
        if !answer.status.is_success() {
            return Err(VaultError::LoginRefused {
                at,
                status: answer.status.as_u16(),
                said: answer.said(&[secret]),
                settings,
            });
        }
        let auth = answer.auth();
        let token = auth.and_then(|auth| auth.get("client_token")?.as_str());
        let (Some(auth), Some(token)) = (auth, token) else {
            return Err(self.api.stranger(&path, "holds no token"));
        };
        self.token = Some(Secret::new(token));
        self.lease = Lease::of(auth, "lease_duration");
        Ok(())
    }

    /// Reads what lies in Vault now.
    pub(crate) async fn read(&self) -> Result<Secrets, VaultError> {
        let place = self.settings.place();
        let answer = self.api.get(&place, self.token()).await?;
        match answer.status.as_u16() {
            200 => self.secrets(place, &answer),
            403 => Err(self.why_forbidden(place).await?),
            404 => Err(self.why_nothing(place, &answer).await?),
            status => {
                let said = answer.said(&[self.token().expose()]);
                let problem = format!("has status {status}{said}");
                Err(self.api.stranger(&place, &problem))
            }
        }
    }

    fn secrets(&self, place: String, answer: &Answer) -> Result<Secrets, VaultError> {
        let data = answer.data();
        let member = |name: &str| data.and_then(|data| data.get(name));
        // Version 1 answers with the keys at once.
        let (Some(found), Some(Value::Object(_))) = (member("data"), member("metadata")) else {
            return Err(match data {
                Some(_) => self.other_engine("a KV secrets engine of version 1".to_owned()),
                None => self.api.stranger(&place, "holds no data"),
            });
        };
        let Value::Object(found) = found else {
            return Err(VaultError::Deleted { place });
        };
        let (mut values, mut unknown) = (Vec::new(), Vec::new());
        for (key, value) in found {
            let Some(setting) = SettingInfo::find_in_vault(key) else {
                unknown.push(key.clone());
                continue;
            };
            let Value::String(text) = value else {
                let (key, kind) = (setting.name, kind(value));
                return Err(VaultError::NotText { key, place, kind });
            };
            values.push((setting.name, Secret::new(text.as_str())));
        }
        Ok(Secrets {
            place,
            values,
            unknown,
        })
    }

    /// Vault says the same to a token that it does not know and to one that may not.
    async fn why_forbidden(&self, place: String) -> Result<VaultError, VaultError> {
        if let VaultLogin::Token(token) = &self.settings.login {
            let answer = self.api.get("auth/token/lookup-self", token).await?;
            if answer.status.as_u16() == 403 {
                let address = self.settings.address.clone();
                return Ok(VaultError::TokenRefused { address });
            }
        }
        Ok(VaultError::Forbidden { place })
    }

    async fn why_nothing(&self, place: String, answer: &Answer) -> Result<VaultError, VaultError> {
        if answer
            .data()
            .is_some_and(|data| data.get("metadata").is_some())
        {
            return Ok(VaultError::Deleted { place });
        }
        if answer.said(&[]).contains("no handler for route") {
            return Ok(self.other_engine("no secrets engine".to_owned()));
        }
        let (mount, path) = (&self.settings.mount, &self.settings.path);
        // What `vault kv` asks first, too; everybody may who may read something there.
        let asked = format!("sys/internal/ui/mounts/{mount}/{path}");
        let engine = self.api.get(&asked, self.token()).await?;
        let member = |pointer: &str| engine.json.pointer(pointer)?.as_str();
        match (member("/data/type"), member("/data/options/version")) {
            (Some("kv"), Some("2")) | (None, _) => Ok(VaultError::Nothing {
                place,
                mount: mount.clone(),
                path: path.clone(),
                hint: if path.starts_with("data/") || path.starts_with(&format!("{mount}/")) {
                    " (VAULT_PATH begins after the mount, and without `data/`)"
                } else {
                    ""
                },
            }),
            (Some("kv" | "generic"), _) => {
                Ok(self.other_engine("a KV secrets engine of version 1".to_owned()))
            }
            (Some(other), _) => {
                let other: String = other.chars().take(40).collect();
                Ok(self.other_engine(format!("a secrets engine of the type `{other}`")))
            }
        }
    }

    fn other_engine(&self, found: String) -> VaultError {
        VaultError::OtherEngine {
            mount: self.settings.mount.clone(),
            found,
        }
    }

    /// Learns how long a token lives that somebody else made. One that may not even ask is taken to
    /// live for ever.
    pub(crate) async fn look_up(&mut self) -> Result<(), VaultError> {
        let answer = self.api.get("auth/token/lookup-self", self.token()).await?;
        self.lease = answer.data().and_then(|data| Lease::of(data, "ttl"));
        Ok(())
    }

    /// Renews the token; where that is over, logs in again, as `again` says to now: a file may have
    /// another secret, or another token.
    pub(crate) async fn keep(
        &mut self,
        again: impl Fn() -> Result<Option<VaultSettings>, ConfigError>,
    ) -> Result<Kept, VaultError> {
        if self.lease.is_some_and(|lease| lease.is_renewable) && self.renew().await? {
            return Ok(Kept::Renewed);
        }
        let Some(settings) = again()? else {
            return Ok(Kept::Ends);
        };
        let is_same_token = matches!(&settings.login, VaultLogin::Token(token) if Some(token) == self.token.as_ref());
        if is_same_token {
            return Ok(Kept::Ends);
        }
        let api = Api::new(&settings)?;
        let mut next = Self {
            api,
            settings,
            token: None,
            lease: None,
        };
        next.log_in().await?;
        if !next.has_own_token() {
            next.look_up().await?;
        }
        *self = next;
        Ok(Kept::Replaced)
    }

    /// Whether the token lives on for a while worth the name.
    async fn renew(&mut self) -> Result<bool, VaultError> {
        let path = "auth/token/renew-self";
        let answer = self.api.post(path, Some(self.token()), &json!({})).await?;
        let renewed = answer.auth().filter(|_| answer.status.is_success());
        let Some(renewed) = renewed else {
            return Ok(false);
        };
        self.lease = match (Lease::of(renewed, "lease_duration"), self.lease) {
            (Some(lease), Some(before)) => Some(lease.after(before)),
            (lease, _) => lease,
        };
        // Near its maximum it is given less each time.
        Ok(self.lease.is_none_or(|lease| !lease.is_running_out()))
    }

    /// Whether the token was made by our login, and is ours to end.
    pub(crate) const fn has_own_token(&self) -> bool {
        !matches!(self.settings.login, VaultLogin::Token(_))
    }

    /// Gives back a token that was got by a login, so that Vault need not keep it until it expires.
    /// That Vault may be away is no error.
    pub async fn end(self) {
        if let Some(token) = &self.token
            && self.has_own_token()
        {
            let (path, nothing) = ("auth/token/revoke-self", json!({}));
            let revoked = self.api.post(path, Some(token), &nothing);
            if !matches!(tokio::time::timeout(FAREWELL, revoked).await, Ok(Ok(_))) {
                tracing::debug!("the token for Vault was not taken back; it expires by itself");
            }
        }
    }

    fn token(&self) -> &Secret {
        // Until there is a token, what is given for one is the empty one, which Vault refuses.
        static NONE: std::sync::LazyLock<Secret> = std::sync::LazyLock::new(|| Secret::new(""));
        self.token.as_ref().unwrap_or(&NONE)
    }
}

/// The service account's token, which Kubernetes writes afresh from time to time.
fn pod_token(path: &Path) -> Result<Secret, VaultError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Secret::new(text.trim())),
        Err(source) => Err(VaultError::PodToken {
            path: path.to_owned(),
            source,
        }),
    }
}
