//! `saas doctor`: whether everything holds that a platform in use relies on.
//!
//! A check looks at what runs, as whoever depends on it would: it asks the services, the database
//! and Redis, shakes hands with the public address, reads lines of a log. Nothing is changed. What it
//! cannot look at from where it runs it calls skipped, never good.

mod backups;
mod database;
mod edge;
mod finding;
mod logs;
mod metrics;
mod patient;
mod public;
mod redis;
mod routes;
mod security;
mod services;
mod version;

use std::{collections::BTreeSet, process::ExitCode};

use http::Uri;
use serde_json::json;

use crate::{
    Failure,
    cli::{CheckGroup, Doctor},
    commands::{block_on, print},
};
use finding::{Finding, Status};
use patient::Patient;

/// The groups in the order in which they are looked at: what others rest on comes first.
const ORDER: [CheckGroup; 11] = [
    CheckGroup::Database,
    CheckGroup::Redis,
    CheckGroup::Services,
    CheckGroup::Registry,
    CheckGroup::Routes,
    CheckGroup::Public,
    CheckGroup::Metrics,
    CheckGroup::Logs,
    CheckGroup::Backups,
    CheckGroup::Security,
    CheckGroup::Edge,
];

/// Runs the checks that were asked for; exit status 0 if none failed, 1 otherwise.
pub(crate) fn run(command: &Doctor) -> Result<ExitCode, Failure> {
    let groups = chosen(command);
    if groups.is_empty() {
        // Success would say that something holds.
        return Err(Failure::correctable(
            "--skip leaves nothing of what was asked for; take a group out of it",
        ));
    }
    check_prometheus(command.prometheus.as_deref())?;
    let patient = Patient::new(command)?;
    let mut all = Vec::new();
    for group in groups {
        let findings = block_on(async { Ok(look(group, &patient, command).await) })?;
        if !command.json {
            for finding in &findings {
                print(&finding.line(group))?;
            }
        }
        all.extend(findings.into_iter().map(|finding| (group, finding)));
    }
    let count = |status| all.iter().filter(|(_, one)| one.status == status).count();
    let (ok, warnings) = (count(Status::Ok), count(Status::Warning));
    let (failed, skipped) = (count(Status::Failed), count(Status::Skipped));
    if command.json {
        let checks: Vec<_> = all.iter().map(|(group, one)| one.json(*group)).collect();
        let report = json!({
            "ok": failed == 0,
            "summary": { "ok": ok, "warning": warnings, "failed": failed, "skipped": skipped },
            "checks": checks,
        });
        print(&format!("{report:#}\n"))?;
    } else {
        print(&format!(
            "\n{ok} ok, {warnings} warnings, {failed} failed, {skipped} skipped\n"
        ))?;
    }
    Ok(ExitCode::from(u8::from(failed > 0)))
}

/// A password in the address would be printed with what was seen there; nothing repeats it here.
fn check_prometheus(address: Option<&str>) -> Result<(), Failure> {
    let is_sound = |address: &str| {
        let uri = address.parse::<Uri>().ok();
        uri.is_some_and(|uri| {
            let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
            is_web && !address.contains(['@', '?', '#'])
        })
    };
    if address.is_none_or(is_sound) {
        return Ok(());
    }
    Err(Failure::correctable(
        "--prometheus is not an address such as http://prometheus:9090, without user, password or query",
    ))
}

fn chosen(command: &Doctor) -> Vec<CheckGroup> {
    let skipped: BTreeSet<_> = command.skip.iter().collect();
    let is_of_security =
        |group: CheckGroup| matches!(group, CheckGroup::Security | CheckGroup::Edge);
    let is_asked_for = |group: CheckGroup| {
        command.only.contains(&group)
            || (command.security && is_of_security(group))
            || (command.only.is_empty() && !is_of_security(group))
    };
    let groups = ORDER.into_iter();
    groups
        .filter(|group| is_asked_for(*group))
        .filter(|group| !skipped.contains(group))
        .collect()
}

async fn look(group: CheckGroup, patient: &Patient, command: &Doctor) -> Vec<Finding> {
    match group {
        CheckGroup::Database => vec![database::look(patient).await],
        CheckGroup::Redis => vec![redis::look(patient).await],
        CheckGroup::Services => services::look(patient).await,
        CheckGroup::Registry => services::registered(patient).await,
        CheckGroup::Routes => routes::look(patient).await,
        CheckGroup::Public => public::look(patient).await,
        CheckGroup::Metrics => metrics::look(patient, command.prometheus.as_deref()).await,
        CheckGroup::Logs => vec![logs::look(patient, command.logs.as_deref())],
        CheckGroup::Backups => backups::look(patient, command.read_backup).await,
        CheckGroup::Security => security::look(patient),
        CheckGroup::Edge => edge::look(patient).await,
    }
}
