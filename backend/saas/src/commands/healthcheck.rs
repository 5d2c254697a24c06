//! `saas healthcheck`: for containers without a shell.

use std::process::ExitCode;

use http::Method;
use saas_config::Role;
use saas_registry_client::HttpClient;

use crate::{
    Failure,
    cli::Healthcheck,
    commands::{block_on, print},
    platform::run_file,
    settings,
};

/// Exit status 0 if the service says it is ready.
pub(crate) fn run(healthcheck: &Healthcheck) -> Result<ExitCode, Failure> {
    let base = if let Some(url) = &healthcheck.url {
        url.clone()
    } else {
        let settings = settings::load_without_secrets(Role::Tool)?;
        run_file::read(&settings.data_dir)
            .and_then(|run| {
                let first = run.gateway.or(run.registry);
                first.or(run.core).or(run.backup)
            })
            .ok_or_else(|| Failure::failed("nothing runs on this data directory"))?
    };
    let url = format!("{}/health/ready", base.trim_end_matches('/'));
    let _answer: serde_json::Value = block_on(async {
        HttpClient::new()
            .json(Method::GET, &url, None, None::<&()>, healthcheck.within())
            .await
            .map_err(|error| Failure::failed("not ready").because(error))
    })?;
    print("ready\n")?;
    Ok(ExitCode::SUCCESS)
}
