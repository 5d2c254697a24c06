//! `saas drain`: takes an instance out of service and waits.

use std::{process::ExitCode, time::Duration};

use http::Method;
use saas_registry_client::HttpClient;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Failure,
    cli::Drain,
    commands::{block_on, operator_token, tool_settings},
    platform::run_file,
};

#[derive(Deserialize, Serialize)]
struct Answer {
    drained: bool,
    #[serde(default)]
    waiting_for: Vec<serde_json::Value>,
    #[serde(default)]
    unknown: Vec<serde_json::Value>,
}

/// Asks the registry to drain the instance, and says how it went.
pub(crate) fn run(drain: &Drain) -> Result<ExitCode, Failure> {
    let settings = tool_settings()?;
    let token = operator_token(&settings)?;
    let registries = run_file::read(&settings.data_dir)
        .and_then(|run| run.registry)
        .map_or(settings.registry_urls, |url| vec![url]);
    let Some(registry) = registries.first() else {
        return Err(Failure::correctable(
            "REGISTRY_URL is not set; set it to where the registry answers",
        ));
    };
    let url = format!(
        "{registry}/v1/services/{}/instances/{}/drain?wait={}",
        drain.service, drain.instance, drain.wait
    );
    let within = Duration::from_secs(u64::from(drain.wait) + 5);
    let answer: Answer = block_on(async {
        HttpClient::new()
            .json(Method::POST, &url, Some(&token), None::<&()>, within)
            .await
            .map_err(|error| Failure::failed("the instance was not drained").because(error))
    })?;
    if drain.json {
        println!("{:#}", json!(answer));
    }
    if answer.drained {
        if !drain.json {
            println!("drained");
        }
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!(
        "saas: not drained within {} s: {} gateways still have requests under way, {} did not confirm",
        drain.wait,
        answer.waiting_for.len(),
        answer.unknown.len()
    );
    Ok(ExitCode::FAILURE)
}
