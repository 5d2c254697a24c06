//! Waiting until what was started answers as ready.

use std::time::Duration;

use http::Method;
use saas_registry_client::HttpClient;

use super::{Form, run_file::RunFile};

/// How long a start waits for readiness before it goes on without: a gateway whose registry is away
/// has to serve what it knows.
const PATIENCE: Duration = Duration::from_secs(5);
const BETWEEN: Duration = Duration::from_millis(5);

/// Returns when every part that runs here says that it is ready, or after five seconds. Only one
/// process with everything is waited for: of several, none may wait for another to start.
pub(crate) async fn wait(run: &RunFile, form: Form) {
    if form != Form::Up {
        return;
    }
    let client = HttpClient::new();
    let all = [&run.registry, &run.core, &run.gateway];
    let ready = async {
        for url in all.into_iter().flatten() {
            let url = format!("{url}/health/ready");
            while !is_ready(&client, &url).await {
                tokio::time::sleep(BETWEEN).await;
            }
        }
    };
    if tokio::time::timeout(PATIENCE, ready).await.is_err() {
        tracing::warn!(
            "not everything is ready yet; /health/ready of each part says what is missing"
        );
    }
}

async fn is_ready(client: &HttpClient, url: &str) -> bool {
    let answer: Result<serde_json::Value, _> = client
        .json(Method::GET, url, None, None::<&()>, PATIENCE)
        .await;
    answer.is_ok()
}
