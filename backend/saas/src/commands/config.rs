//! `saas config`: what the settings are, and whether a start would accept them.

use std::{fmt::Write as _, process::ExitCode};

use saas_config::{Language, Role, Settings, settings_document};
use serde_json::json;

use crate::{
    Failure,
    cli::{ForRole, InLanguage, Output},
    commands::{print, tell},
    platform::fit,
    settings,
};

/// Checks the settings for a role; every complaint, not just the first.
pub(crate) fn check(role: ForRole) -> Result<ExitCode, Failure> {
    let role = match role {
        ForRole::Up => Role::Up,
        ForRole::Registry => Role::Registry,
        ForRole::Gateway => Role::Gateway,
        ForRole::Core => Role::Core,
        ForRole::Backup => Role::Backup,
    };
    let settings = Settings::from_sources(role, &settings::sources()?)?;
    let complaints = settings.validate();
    for complaint in &complaints {
        tell(&complaint.to_string());
    }
    fit::look(&settings)?;
    if complaints.is_empty() {
        let command = match role {
            Role::Backup => "backup schedule",
            other => other.as_str(),
        };
        print(&format!("the settings are fit for `saas {command}`\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::from(2))
}

/// Lists every setting with its value and its origin.
pub(crate) fn show(output: &Output) -> Result<ExitCode, Failure> {
    let settings = Settings::from_sources(Role::Tool, &settings::sources()?)?;
    let shown = settings.show();
    if output.json {
        let items: Vec<_> = shown
            .iter()
            .map(|one| {
                json!({
                    "name": one.setting.name,
                    "value": one.value,
                    "origin": one.origin.to_string(),
                    "secret": one.setting.secret,
                    "meaning": one.setting.meaning,
                })
            })
            .collect();
        print(&format!("{:#}\n", json!({ "items": items })))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = String::new();
    for one in &shown {
        let value = one.value.as_deref().unwrap_or("(not set)");
        let (name, meaning) = (one.setting.name, one.setting.meaning);
        let _ = writeln!(text, "{name} = {value}  ({})\n    {meaning}\n", one.origin);
    }
    print(text.trim_end())?;
    print("\n")?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the document of all settings, from which docs/SETTINGS.md is written.
pub(crate) fn document(language: InLanguage) -> Result<ExitCode, Failure> {
    print(&settings_document(match language {
        InLanguage::En => Language::English,
        InLanguage::ZhCn => Language::Chinese,
    }))?;
    Ok(ExitCode::SUCCESS)
}
