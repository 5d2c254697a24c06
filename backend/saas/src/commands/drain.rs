//! `saas drain` and `saas undrain`: an instance out of service, and back.

use std::{process::ExitCode, time::Duration};

use http::Method;
use saas_config::Settings;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Failure,
    cli::{Drain, Instance},
    commands::{ask::ask, print, tell, tool_settings},
    platform::run_file,
};

/// How long taking back may last; nothing is waited for.
const AT_ONCE: Duration = Duration::from_secs(5);

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
    let url = format!("{}?wait={}", url(&settings, &drain.which)?, drain.wait);
    let within = Duration::from_secs(u64::from(drain.wait)) + AT_ONCE;
    let failure = "the instance was not drained";
    let answer: Answer = ask(&settings, Method::POST, &url, None::<&()>, within, failure)?;
    if drain.json {
        print(&format!("{:#}\n", json!(answer)))?;
    }
    if answer.drained {
        if !drain.json {
            print("drained\n")?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if answer.waiting_for.is_empty() && answer.unknown.is_empty() {
        return Err(Failure::failed(format!(
            "{failure}: it was taken back into service meanwhile"
        )));
    }
    tell(&format!(
        "not drained within {} s: {} gateways still have requests under way, {} did not confirm",
        drain.wait,
        answer.waiting_for.len(),
        answer.unknown.len()
    ));
    Ok(ExitCode::FAILURE)
}

/// Asks the registry to take the instance back into service.
pub(crate) fn undo(which: &Instance) -> Result<ExitCode, Failure> {
    let settings = tool_settings()?;
    let url = url(&settings, which)?;
    let failure = "the instance was not taken back";
    let (): () = ask(
        &settings,
        Method::DELETE,
        &url,
        None::<&()>,
        AT_ONCE,
        failure,
    )?;
    print("back in service\n")?;
    Ok(ExitCode::SUCCESS)
}

/// The instance's drain, at the registry that runs here or the one that is set.
fn url(settings: &Settings, which: &Instance) -> Result<String, Failure> {
    let here = run_file::read(&settings.data_dir).and_then(|run| run.registry);
    let Some(registry) = here.as_ref().or_else(|| settings.registry_urls.first()) else {
        return Err(Failure::correctable(
            "REGISTRY_URL is not set; set it to where the registry answers",
        ));
    };
    Ok(format!(
        "{registry}/v1/services/{}/instances/{}/drain",
        which.service, which.instance
    ))
}
