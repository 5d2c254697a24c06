//! Secrets that could be guessed, and passwords that somebody else may know.

use saas_config::{ConfigError, DatabaseKind, Environment, Role, Settings};

use super::super::{
    finding::{Finding, Status},
    patient::Patient,
};
use crate::ONE_TIME_PASSWORD_FILE;

/// A password of a server that only machines type can be long.
const SHORTEST_PASSWORD: usize = 12;

const SECONDS_OF_A_DAY: u64 = 24 * 60 * 60;

pub(super) fn look(patient: &Patient) -> Vec<Finding> {
    let settings = &patient.settings;
    let mut findings = vec![environment(settings)];
    findings.extend(strength(patient));
    findings.extend(rotation(settings));
    findings.extend(proxies(settings));
    findings.extend(passwords(settings));
    let waiting = settings.data_dir.join(ONE_TIME_PASSWORD_FILE);
    findings.push(if waiting.exists() {
        Finding::warning(
            "first administrator",
            "the one-time password lies in the data directory, not asked for yet",
            "run `saas one-time-password` and sign in with it",
        )
    } else {
        Finding::ok(
            "first administrator",
            "no one-time password lies in the data directory",
        )
    });
    findings
}

fn environment(settings: &Settings) -> Finding {
    if settings.environment.is_production() {
        Finding::ok(
            "ENVIRONMENT",
            "is production: unsafe settings are refused at the start",
        )
    } else {
        Finding::warning(
            "ENVIRONMENT",
            "is development: services on this machine need no token, and unsafe settings are let pass",
            "set ENVIRONMENT=production where others reach it",
        )
    }
}

/// What a start in production refuses; before that, what it would refuse.
fn strength(patient: &Patient) -> Vec<Finding> {
    let settings = &patient.settings;
    let is_production = settings.environment.is_production();
    let mut as_production = settings.clone();
    as_production.environment = Environment::Production;
    let runs_all_in_one = patient.run.gateway.is_some() && patient.run.core.is_some();
    // Nothing but `saas up` starts on SQLite in production, and it may be stopped at the moment.
    let is_all_in_one = runs_all_in_one || settings.database_kind() == DatabaseKind::Sqlite;
    as_production.role = if is_all_in_one { Role::Up } else { Role::Core };
    let told = |error: &ConfigError| {
        let status = if is_production {
            Status::Failed
        } else {
            Status::Warning
        };
        // The sentence has the remedy.
        Finding::as_told("settings", status, error.to_string())
    };
    let complaints: Vec<_> = as_production.validate().iter().map(told).collect();
    if complaints.is_empty() {
        let seen = "as safe as production demands, SECRET_KEY and METRICS_TOKEN strong";
        return vec![Finding::ok("settings", seen)];
    }
    complaints
}

/// A key that is still accepted though it shall go.
fn rotation(settings: &Settings) -> Option<Finding> {
    settings.secret_key_previous.as_ref()?;
    let days = settings.refresh_token_lifetime.as_secs() / SECONDS_OF_A_DAY;
    Some(Finding::warning(
        "SECRET_KEY_PREVIOUS",
        "is set: a rotation is under way, and two keys are accepted",
        format!(
            "once SECRET_KEY has been the new one for {days} {} (REFRESH_TOKEN_EXPIRE_DAYS) and every registration token was made with it, empty it",
            if days == 1 { "day" } else { "days" }
        ),
    ))
}

/// Where somebody else ends TLS, that is whom the gateways see unless they are told to look further.
fn proxies(settings: &Settings) -> Option<Finding> {
    let tls = &settings.tls;
    let is_https = settings
        .public_url
        .as_deref()
        .is_some_and(|url| url.starts_with("https://"));
    let ends_tls = !tls.certificates.is_empty() || tls.acme.is_some();
    let is_behind = settings.environment.is_production() && is_https && !ends_tls;
    (is_behind && settings.trusted_proxies.is_empty()).then(|| {
        Finding::warning(
            "TRUSTED_PROXIES",
            "is empty, though PUBLIC_URL is https and no certificate is set here: every client would have the address of the proxy in front",
            "set it to the address that the proxy has when the gateways see it",
        )
    })
}

/// Passwords within addresses.
fn passwords(settings: &Settings) -> Vec<Finding> {
    let urls = [
        ("DATABASE_URL", Some(settings.database_url.expose())),
        (
            "REDIS_URL",
            settings.redis_url.as_ref().map(saas_config::Secret::expose),
        ),
    ];
    let look = |(name, url): (&'static str, Option<&str>)| {
        let rest = url?.split_once("://")?.1;
        if url?.starts_with("sqlite:") {
            return None;
        }
        let user_info = rest.rsplit_once('@').map_or("", |(user_info, _)| user_info);
        let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
        let advice = "give it a long random one: `openssl rand -hex 24`";
        Some(if password.is_empty() {
            Finding::warning(
                name,
                "has no password",
                "demand one of everybody who connects",
            )
        } else if password.len() < SHORTEST_PASSWORD || password == user {
            let seen = format!(
                "has a password of fewer than {SHORTEST_PASSWORD} characters, or the user's name"
            );
            Finding::failed(name, seen, advice)
        } else {
            Finding::ok(name, "has a password of a sound length")
        })
    };
    urls.into_iter().filter_map(look).collect()
}
