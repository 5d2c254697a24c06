//! Calls to registry and core, under the gateway's own token.

use std::time::Duration;

use http::Method;
use saas_domain::Clock;
use saas_registry_client::{ClientError, HttpClient};
use saas_security::InternalSigner;
use serde::{Serialize, de::DeserializeOwned};

/// How long a call may take.
const CALL: Duration = Duration::from_secs(3);

/// Makes calls that carry an internal token.
pub struct Calls {
    client: HttpClient,
    signer: InternalSigner,
    clock: Clock,
    /// The registry's base URLs.
    pub registry_urls: Vec<String>,
}

impl Calls {
    /// Calls in the gateway's role.
    pub fn new(signer: InternalSigner, clock: Clock, registry_urls: Vec<String>) -> Self {
        Self {
            client: HttpClient::new(),
            signer,
            clock,
            registry_urls,
        }
    }

    /// Sends `body` to the first of the bases that answers. `Ok(false)`: there is no base.
    pub async fn tell<B: Serialize + Sync>(
        &self,
        bases: &[String],
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<bool, ClientError> {
        let told = self.ask::<B, ()>(bases, method, path, body).await?;
        Ok(told.is_some())
    }

    /// The same, with an answer. `Ok(None)`: there is no base.
    pub async fn ask<B: Serialize + Sync, T: DeserializeOwned>(
        &self,
        bases: &[String],
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<Option<T>, ClientError> {
        let token = self.signer.token(self.clock.now()).ok();
        let mut last = None;
        for base in bases {
            let url = format!("{}{path}", base.trim_end_matches('/'));
            let sent = self
                .client
                .json(method.clone(), &url, token.as_deref(), body, CALL)
                .await;
            match sent {
                Ok(answer) => return Ok(Some(answer)),
                Err(error) => last = Some(error),
            }
        }
        last.map_or(Ok(None), Err)
    }
}
