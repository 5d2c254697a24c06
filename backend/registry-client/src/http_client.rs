//! A small HTTP/1.1 client: plain for calls between the platform's own processes, with TLS for what is
//! outside.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use saas_tls::rustls::ClientConfig;
use serde::{Serialize, de::DeserializeOwned};

/// Answers of our own processes are small; a larger one comes from somebody else.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const FAR_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is no URL.
    #[error("`{url}` is not a usable address")]
    Url {
        /// What was given.
        url: String,
        /// What the parser said.
        #[source]
        source: http::Error,
    },
    /// Nobody answers, or the connection broke.
    #[error("{url} cannot be reached")]
    Connect {
        /// Who was called.
        url: String,
        /// What the connection said.
        #[source]
        source: hyper_util::client::legacy::Error,
    },
    /// No answer in time.
    #[error("{url} did not answer within {after:?}")]
    TimedOut {
        /// Who was called.
        url: String,
        /// How long it was given.
        after: Duration,
    },
    /// The answer broke off or was too large.
    #[error("the answer of {url} could not be read")]
    Answer {
        /// Who was called.
        url: String,
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer was a refusal.
    #[error("{url} answered {status}: {body}")]
    Status {
        /// Who was called.
        url: String,
        /// With which status.
        status: StatusCode,
        /// The first kilobyte of the body.
        body: String,
    },
    /// A body could not be written or read as JSON.
    #[error("the JSON exchanged with {url} does not fit")]
    Json {
        /// Who was called.
        url: String,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
}

impl ClientError {
    /// The status of a refusal, if that is what happened.
    pub const fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// Keeps connections open between calls. Cloning shares them.
#[derive(Clone, Debug)]
pub struct HttpClient {
    inner: Inner,
}

/// Two kinds, so that who speaks plain HTTP alone carries no TLS along.
#[derive(Clone, Debug)]
enum Inner {
    Plain(Client<HttpConnector, Full<Bytes>>),
    Secure(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl Default for HttpClient {
    fn default() -> Self {
        Self::new()
    }
}

impl HttpClient {
    /// A client for `http://` alone, with a connect time-out of two seconds.
    pub fn new() -> Self {
        Self {
            inner: Inner::Plain(builder().build(connector(CONNECT_TIMEOUT))),
        }
    }

    /// A client for `https://` and `http://`, which believes whom `config` does (see
    /// [`saas_tls::client_config`]). Who is called may be far away: connecting may take ten seconds.
    pub fn secure(config: &Arc<ClientConfig>) -> Self {
        let mut connector = connector(FAR_CONNECT_TIMEOUT);
        connector.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(ClientConfig::clone(config))
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        Self {
            inner: Inner::Secure(builder().build(connector)),
        }
    }

    /// Sends a request and returns as soon as the answer's head is there, whatever its status.
    pub async fn send(
        &self,
        request: Request<Full<Bytes>>,
        within: Duration,
    ) -> Result<Response<Incoming>, ClientError> {
        let url = request.uri().to_string();
        let sent = match &self.inner {
            Inner::Plain(client) => client.request(request),
            Inner::Secure(client) => client.request(request),
        };
        match tokio::time::timeout(within, sent).await {
            Err(_) => Err(ClientError::TimedOut { url, after: within }),
            Ok(Err(source)) => Err(ClientError::Connect { url, source }),
            Ok(Ok(response)) => Ok(response),
        }
    }

    /// Sends JSON (or nothing) with a bearer token and reads JSON (or nothing, for `()`), within
    /// the time for the whole exchange. A status of 400 or more is [`ClientError::Status`].
    pub async fn json<B: Serialize + Sync, T: DeserializeOwned>(
        &self,
        method: Method,
        url: &str,
        token: Option<&str>,
        body: Option<&B>,
        within: Duration,
    ) -> Result<T, ClientError> {
        let request = build(method, url, token, body)?;
        let exchange = async {
            let response = self.send(request, within).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES)
                .collect()
                .await
                .map_err(|source| ClientError::Answer {
                    url: url.to_owned(),
                    source,
                })?
                .to_bytes();
            read(url, status, &body)
        };
        tokio::time::timeout(within, exchange)
            .await
            .unwrap_or_else(|_| {
                Err(ClientError::TimedOut {
                    url: url.to_owned(),
                    after: within,
                })
            })
    }
}

fn builder() -> hyper_util::client::legacy::Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(30));
    builder
}

fn connector(within: Duration) -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(within));
    connector
}

fn build<B: Serialize>(
    method: Method,
    url: &str,
    token: Option<&str>,
    body: Option<&B>,
) -> Result<Request<Full<Bytes>>, ClientError> {
    let mut request = Request::builder().method(method).uri(url);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let bytes = match body {
        Some(body) => {
            request = request.header(header::CONTENT_TYPE, "application/json");
            serde_json::to_vec(body).map_err(|source| ClientError::Json {
                url: url.to_owned(),
                source,
            })?
        }
        None => Vec::new(),
    };
    request
        .body(Full::new(Bytes::from(bytes)))
        .map_err(|source| ClientError::Url {
            url: url.to_owned(),
            source,
        })
}

fn read<T: DeserializeOwned>(url: &str, status: StatusCode, body: &[u8]) -> Result<T, ClientError> {
    if status.is_client_error() || status.is_server_error() {
        let shown = body.get(..body.len().min(1024)).unwrap_or_default();
        return Err(ClientError::Status {
            url: url.to_owned(),
            status,
            body: String::from_utf8_lossy(shown).into_owned(),
        });
    }
    let json: &[u8] = if body.is_empty() { b"null" } else { body };
    serde_json::from_slice(json).map_err(|source| ClientError::Json {
        url: url.to_owned(),
        source,
    })
}
