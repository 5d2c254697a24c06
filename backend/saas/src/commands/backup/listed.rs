//! `saas backup list`.

use std::process::ExitCode;

use saas_config::Settings;
use saas_domain::Clock;
use saas_recovery::Backup;
use serde_json::json;

use super::{
    place,
    told::{ago, size},
};
use crate::{Failure, cli::Output, commands::print};

pub(super) fn run(settings: &Settings, output: &Output) -> Result<ExitCode, Failure> {
    let place = place(settings)?;
    let now = Clock::system().now();
    let mut items = Vec::new();
    for (name, bytes) in place.list()? {
        let peeked = Backup::new(&place.file(&name), None).and_then(|backup| backup.peek());
        if output.json {
            let (manifest, fault) = match peeked {
                Ok(manifest) => (Some(manifest), None),
                Err(error) => (None, Some(Failure::from(error).to_string())),
            };
            items.push(json!({
                "name": name.to_string(),
                "taken_at": name.taken_at,
                "bytes": bytes,
                "manifest": manifest,
                "fault": fault,
            }));
            continue;
        }
        let inside = match peeked {
            Ok(manifest) => format!("{} rows, {}", manifest.rows(), manifest.revision()),
            Err(error) => Failure::from(error).to_string(),
        };
        print(&format!(
            "{name}  {}  {} old  {inside}\n",
            size(bytes),
            ago(now, name.taken_at)
        ))?;
    }
    if output.json {
        print(&format!("{:#}\n", json!({ "items": items })))?;
    }
    Ok(ExitCode::SUCCESS)
}
