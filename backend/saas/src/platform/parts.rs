//! The services as parts of a process: each with its server, its tasks and its way to stop.

use std::time::Duration;

use saas_core::FirstRun;
use saas_gateway::GatewayHandle;
use saas_registry_client::Agent;
use saas_web::Served;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long background tasks may take to notice that they are to end.
const TASKS_END: Duration = Duration::from_secs(2);

pub(crate) struct RegistryPart {
    pub(crate) server: JoinHandle<Served>,
    pub(crate) agent: Agent,
    pub(crate) tasks: TaskTracker,
    pub(crate) stopping: CancellationToken,
}

impl RegistryPart {
    /// Takes its own entry out before it stops answering; gateways then ask its replicas.
    pub(crate) async fn stop(self, grace: Duration) {
        self.agent.leave(Duration::ZERO).await;
        self.stopping.cancel();
        let _cut_off = tokio::time::timeout(grace + TASKS_END, self.server).await;
        let _late = tokio::time::timeout(TASKS_END, self.tasks.wait()).await;
    }
}

pub(crate) struct CorePart {
    pub(crate) server: JoinHandle<Served>,
    pub(crate) tasks: JoinSet<()>,
    pub(crate) agent: Agent,
    pub(crate) first_run: Option<FirstRun>,
    pub(crate) stopping: CancellationToken,
}

impl CorePart {
    pub(crate) async fn stop(mut self, drain: Duration, grace: Duration) {
        self.agent.leave(drain).await;
        self.stopping.cancel();
        let _cut_off = tokio::time::timeout(grace + TASKS_END, self.server).await;
        let all = async { while self.tasks.join_next().await.is_some() {} };
        let _late = tokio::time::timeout(TASKS_END, all).await;
    }
}

pub(crate) struct GatewayPart {
    pub(crate) handle: GatewayHandle,
    pub(crate) serves_console: bool,
    /// Where it serves https on this machine.
    pub(crate) https_url: Option<String>,
}

impl GatewayPart {
    pub(crate) async fn stop(self) {
        self.handle.stop().await;
    }
}

pub(crate) struct BackupPart {
    /// For its health and metrics, where it runs alone.
    pub(crate) server: Option<JoinHandle<Served>>,
    pub(crate) tasks: JoinSet<()>,
    pub(crate) stopping: CancellationToken,
}

impl BackupPart {
    pub(crate) async fn stop(mut self, grace: Duration) {
        self.stopping.cancel();
        if let Some(server) = self.server {
            let _cut_off = tokio::time::timeout(grace + TASKS_END, server).await;
        }
        let all = async { while self.tasks.join_next().await.is_some() {} };
        let _late = tokio::time::timeout(TASKS_END, all).await;
    }
}
