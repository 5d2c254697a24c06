//! Requests to Vault: <https://developer.hashicorp.com/vault/api-docs>.

use std::{error::Error, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use saas_config::{Secret, VaultSettings};
use saas_registry_client::{ClientError, HttpClient};
use saas_tls::{client_config_of, rustls};
use serde_json::Value;

use crate::{VaultError, answer::Answer};

/// How long one request may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Settings are small; Vault itself refuses more than 32 MiB, and keeps a secret of at most 1 MiB.
const LARGEST: usize = 2 * 1024 * 1024;

/// One Vault.
#[derive(Debug)]
pub(crate) struct Api {
    http: HttpClient,
    address: String,
    namespace: Option<String>,
}

impl Api {
    pub(crate) fn new(settings: &VaultSettings) -> Result<Self, VaultError> {
        let http = if settings.address.starts_with("https://") {
            let (setting, path) = match &settings.ca_file {
                Some((setting, path)) => (*setting, Some(path.as_path())),
                None => ("VAULT_CACERT", None),
            };
            HttpClient::secure(&client_config_of(setting, path)?)
        } else {
            HttpClient::new()
        };
        Ok(Self {
            http,
            address: settings.address.clone(),
            namespace: settings.namespace.clone(),
        })
    }

    pub(crate) async fn get(&self, path: &str, token: &Secret) -> Result<Answer, VaultError> {
        let answer = self.call(Method::GET, path, Some(token), None).await?;
        self.well(path, answer, &[token.expose()]).await
    }

    pub(crate) async fn post(
        &self,
        path: &str,
        token: Option<&Secret>,
        body: &Value,
    ) -> Result<Answer, VaultError> {
        let answer = self.call(Method::POST, path, token, Some(body)).await?;
        let told = body.as_object().into_iter().flatten();
        let told = told.filter_map(|(_, value)| value.as_str());
        let secrets: Vec<&str> = told.chain(token.map(Secret::expose)).collect();
        self.well(path, answer, &secrets).await
    }

    /// The answer, unless it tells that Vault can do nothing for anybody, or is of somebody else.
    async fn well(
        &self,
        path: &str,
        answer: Answer,
        secrets: &[&str],
    ) -> Result<Answer, VaultError> {
        let address = self.address.clone();
        match answer.status.as_u16() {
            501 => Err(VaultError::Uninitialised { address }),
            503 => Err(self.why_not(&answer, secrets).await),
            // A standby that passes nothing on; one that has not seen a write yet; too many requests.
            status @ (307 | 412 | 429 | 472 | 473 | 502 | 504) => Err(VaultError::Unavailable {
                address,
                status,
                said: String::new(),
            }),
            404 if !answer.is_of_vault() => {
                Err(self.stranger(path, "has status 404, and no `errors` as Vault's have"))
            }
            _ => Ok(answer),
        }
    }

    /// Why it is not in service: the one thing that it tells everybody.
    /// `secrets` are what it was told: whoever answers may be a proxy that repeats what it was sent.
    async fn why_not(&self, answer: &Answer, secrets: &[&str]) -> VaultError {
        let asked = self.call(Method::GET, "sys/seal-status", None, None).await;
        let json = asked.map(|asked| asked.json).unwrap_or_default();
        let is = |name: &str| json.get(name).and_then(Value::as_bool);
        let address = self.address.clone();
        match (is("initialized"), is("sealed")) {
            (Some(false), _) => VaultError::Uninitialised { address },
            (_, Some(true)) => VaultError::Sealed { address },
            _ => VaultError::Unavailable {
                address,
                status: answer.status.as_u16(),
                said: answer.said(secrets),
            },
        }
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        token: Option<&Secret>,
        body: Option<&Value>,
    ) -> Result<Answer, VaultError> {
        let request = self.request(method, path, token, body)?;
        let exchange = async {
            let response = self.http.send(request, PATIENCE).await;
            let response = response.map_err(|error| self.no_answer(&error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), LARGEST).collect().await;
            let body = body.map_err(|_| self.stranger(path, "is too long or broke off"))?;
            self.read(path, status, &body.to_bytes())
        };
        let done = tokio::time::timeout(PATIENCE, exchange).await;
        done.unwrap_or_else(|_| {
            Err(self.unreachable(format!("no answer within {} s", PATIENCE.as_secs())))
        })
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        token: Option<&Secret>,
        body: Option<&Value>,
    ) -> Result<Request<Full<Bytes>>, VaultError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}/v1/{path}", self.address))
            // Agents and proxies of Vault's may insist on it.
            .header("x-vault-request", "true");
        if let Some(namespace) = &self.namespace {
            request = request.header("x-vault-namespace", namespace);
        }
        if let Some(token) = token
            && let Ok(mut value) = HeaderValue::from_str(token.expose())
        {
            value.set_sensitive(true);
            request = request.header("x-vault-token", value);
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let request = request.body(Full::new(body));
        request.map_err(|error| self.unreachable(error.to_string()))
    }

    fn read(&self, path: &str, status: StatusCode, body: &[u8]) -> Result<Answer, VaultError> {
        let json = if body.is_empty() {
            Ok(Value::Null)
        } else {
            serde_json::from_slice(body)
        };
        match json {
            Ok(json) => Ok(Answer { status, json }),
            Err(_) if body.starts_with(b"Client sent an HTTP request to an HTTPS server") => {
                Err(VaultError::OtherScheme {
                    address: self.address.clone(),
                    reason: "https is spoken",
                })
            }
            // What stands before Vault speaks for itself, in HTML.
            Err(_) if status.is_server_error() || status.is_redirection() => {
                Err(VaultError::Unavailable {
                    address: self.address.clone(),
                    status: status.as_u16(),
                    said: String::new(),
                })
            }
            Err(_) => Err(self.stranger(path, "is not JSON")),
        }
    }

    /// An error about an answer that Vault would not give.
    pub(crate) fn stranger(&self, path: &str, problem: &str) -> VaultError {
        VaultError::NotVault {
            address: self.address.clone(),
            problem: format!("its answer at /v1/{path} {problem}"),
        }
    }

    fn unreachable(&self, reason: String) -> VaultError {
        VaultError::Unreachable {
            address: self.address.clone(),
            reason,
        }
    }

    fn no_answer(&self, error: &ClientError) -> VaultError {
        let address = self.address.clone();
        match in_chain::<rustls::Error>(error) {
            Some(rustls::Error::InvalidMessage(_)) => VaultError::OtherScheme {
                address,
                reason: "TLS is not spoken",
            },
            Some(refused) => VaultError::Untrusted {
                address,
                reason: refused.to_string(),
            },
            None => self.unreachable(match error {
                ClientError::TimedOut { .. } => {
                    format!("no answer within {} s", PATIENCE.as_secs())
                }
                error => innermost(error),
            }),
        }
    }
}

/// What the cause of causes says.
fn innermost(error: &dyn Error) -> String {
    let mut innermost: &dyn Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// A cause of this kind. What an [`std::io::Error`] wraps is no source of it, but behind it.
fn in_chain<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        let wrapped = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}
