//! Registers this process with the registry and keeps its lease.

use std::{sync::Arc, time::Duration};

use http::{Method, StatusCode};
use saas_domain::{InstanceId, ServiceName};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    ClientError, HttpClient, TokenSource,
    wire::{Registered, Registration},
};

const CALL: Duration = Duration::from_secs(3);
const RETRY: Duration = Duration::from_millis(500);

/// What an agent needs.
pub struct AgentSettings {
    /// Base URLs of the registry, `http://registry:8001`; they are tried in turn.
    pub registry_urls: Vec<String>,
    /// Under which name to register.
    pub service: ServiceName,
    /// What to register.
    pub registration: Registration,
    /// Who is asking.
    pub token: TokenSource,
}

/// Keeps one instance registered until told to leave.
pub struct Agent {
    calls: Arc<Calls>,
    registered: watch::Receiver<Option<InstanceId>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

struct Calls {
    client: HttpClient,
    settings: AgentSettings,
}

impl Agent {
    /// Begins registering in the background; a registry that is not there yet is waited for.
    pub fn start(settings: AgentSettings) -> Self {
        let calls = Arc::new(Calls {
            client: HttpClient::new(),
            settings,
        });
        let (sender, registered) = watch::channel(None);
        let stop = CancellationToken::new();
        let task = tokio::spawn(keep_registered(Arc::clone(&calls), sender, stop.clone()));
        Self {
            calls,
            registered,
            stop,
            task,
        }
    }

    /// Returns when the first registration was accepted.
    pub async fn registered(&mut self) -> Option<InstanceId> {
        let id = self.registered.wait_for(Option::is_some).await.ok()?;
        id.clone()
    }

    /// Stops the heartbeats, asks the gateways to send nothing new (waiting up to `wait` until
    /// they have finished what is under way), and gives the lease back. A registry that cannot be
    /// reached is not waited for: the lease runs out by itself.
    pub async fn leave(self, wait: Duration) {
        self.stop.cancel();
        if self.task.await.is_err() {
            return;
        }
        let Some(id) = self.registered.borrow().clone() else {
            return;
        };
        let service = &self.calls.settings.service;
        let path = format!("/v1/services/{service}/instances/{id}");
        let drain = format!("{path}/drain?wait={}", wait.as_secs());
        let left: Result<(), ClientError> = async {
            let _answer: serde_json::Value = self
                .calls
                .call(Method::POST, &drain, None, wait + CALL)
                .await?;
            self.calls.call(Method::DELETE, &path, None, CALL).await
        }
        .await;
        if let Err(error) = left {
            tracing::debug!(%service, %error, "could not leave the registry; the lease will run out");
        }
    }
}

impl Calls {
    /// Tries each registry in turn and returns the first answer that is not a failure to answer.
    async fn call<T: serde::de::DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Registration>,
        within: Duration,
    ) -> Result<T, ClientError> {
        let token = (self.settings.token)();
        let mut last = None;
        for base in &self.settings.registry_urls {
            let url = format!("{}{path}", base.trim_end_matches('/'));
            let method = method.clone();
            match self
                .client
                .json(method, &url, token.as_deref(), body, within)
                .await
            {
                Err(error) if error.status().is_none_or(|s| s.is_server_error()) => {
                    last = Some(error);
                }
                answered => return answered,
            }
        }
        Err(last.unwrap_or_else(|| ClientError::TimedOut {
            url: "REGISTRY_URL (no address is set)".to_owned(),
            after: Duration::ZERO,
        }))
    }

    async fn register(&self, id: Option<InstanceId>) -> Result<Registered, ClientError> {
        let mut registration = self.settings.registration.clone();
        // The same identifier again, so that a lost lease does not leave two entries behind.
        registration.id = registration.id.or(id);
        let path = format!("/v1/services/{}/instances", self.settings.service);
        self.call(Method::POST, &path, Some(&registration), CALL)
            .await
    }

    async fn heartbeat(&self, id: &InstanceId) -> Result<(), ClientError> {
        let path = format!(
            "/v1/services/{}/instances/{id}/heartbeat",
            self.settings.service
        );
        let _answer: serde_json::Value = self.call(Method::PUT, &path, None, CALL).await?;
        Ok(())
    }
}

async fn keep_registered(
    calls: Arc<Calls>,
    registered: watch::Sender<Option<InstanceId>>,
    stop: CancellationToken,
) {
    let service = calls.settings.service.clone();
    let mut interval = RETRY;
    let mut needs_registration = true;
    let mut reported = false;
    loop {
        let id = registered.borrow().clone();
        let beat = async {
            match (&id, needs_registration) {
                (Some(id), false) => calls.heartbeat(id).await.map(|()| None),
                _ => calls.register(id.clone()).await.map(Some),
            }
        };
        // A call under way is finished, so that what the registry knows and what is known here agree.
        match beat.await {
            Ok(answer) => {
                if let Some(answer) = answer {
                    interval = Duration::from_secs(u64::from(answer.heartbeat_seconds.max(1)));
                    tracing::info!(%service, instance = %answer.id, "registered");
                    registered.send_replace(Some(answer.id));
                }
                needs_registration = false;
                reported = false;
            }
            Err(error) => {
                needs_registration |= error.status() == Some(StatusCode::NOT_FOUND);
                if !reported {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(%service, error, "the registry does not take the registration; trying again");
                    reported = true;
                }
            }
        }
        let pause = if needs_registration || reported {
            RETRY
        } else {
            interval
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}
