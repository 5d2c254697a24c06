//! Where every command gets its settings from: this process's sources, and Vault if `VAULT_ADDR` names
//! one. Vault is asked before the settings are read, since they may lie there.

use std::time::Duration;

use saas_config::{ConfigError, Role, Settings, Sources, VaultSettings};
use saas_domain::{Clock, Random};
use saas_telemetry::VaultMetrics;
use saas_vault::{Keeper, Secrets, Session};

use crate::{
    Failure,
    commands::{block_on, tell},
};

/// How long a start waits for a Vault that is not in service yet.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a process that goes on waits for the files that its settings name.
const FILES_PATIENCE: Duration = Duration::from_secs(5);

/// What a process that goes on begins with.
pub(crate) struct Beginning {
    /// Its settings, checked.
    pub(crate) settings: Settings,
    /// Its login to Vault, if it has one.
    pub(crate) vault: Option<Session>,
    /// What is to be said once there is a log.
    pub(crate) notes: Vec<String>,
}

/// The settings of a process that goes on.
pub(crate) async fn begin(role: Role) -> Result<Beginning, Failure> {
    let (sources, vault, notes) = from_vault().await?;
    match Settings::load(role, &sources) {
        Ok(settings) => Ok(Beginning {
            settings,
            vault,
            notes,
        }),
        Err(error) => {
            end(vault).await;
            Err(error.into())
        }
    }
}

/// The checked settings of a command that does its work and ends.
pub(crate) fn load(role: Role) -> Result<Settings, Failure> {
    Ok(Settings::load(role, &sources()?)?)
}

/// The same where no secret is needed, so that the command depends on no Vault.
pub(crate) fn load_without_secrets(role: Role) -> Result<Settings, Failure> {
    Ok(Settings::load(role, &Sources::of_process())?)
}

/// What the settings of a command come from.
pub(crate) fn sources() -> Result<Sources, Failure> {
    let (sources, notes) = block_on(async {
        let (sources, vault, notes) = from_vault().await?;
        end(vault).await;
        Ok((sources, notes))
    })?;
    for note in notes {
        tell(&note);
    }
    Ok(sources)
}

/// The settings as they are now, for a process that goes on, and what is to be said about them.
pub(crate) async fn again(role: Role, vault: &Keeper) -> Result<(Settings, Vec<String>), Failure> {
    let mut sources = Sources::of_process();
    let mut notes = Vec::new();
    // Vault's keeper reads the same files, and waits for them.
    in_time(|| VaultSettings::of(&Sources::of_process())).await?;
    if let Some(secrets) = vault.read().await? {
        notes.extend(unknown(&secrets));
        sources = sources.with_vault(secrets.place, secrets.values);
    }
    let settings = in_time(move || Settings::load(role, &sources)).await?;
    Ok((settings, notes))
}

/// Reads files on a thread of its own: a pipe that nobody writes to, or a file on a machine that is
/// away, shall not keep the process from hearing that it is to stop.
async fn in_time<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, ConfigError> + Send + 'static,
) -> Result<T, Failure> {
    let read = tokio::time::timeout(FILES_PATIENCE, tokio::task::spawn_blocking(read)).await;
    let late = |_| {
        let patience = FILES_PATIENCE.as_secs();
        Failure::failed(format!(
            "a file that the settings name was not read within {patience} s; see whether it is a regular file and its disk answers"
        ))
    };
    let broken = |error| Failure::failed("the settings were not read").because(error);
    Ok(read.map_err(late)?.map_err(broken)??)
}

/// Keeps the token alive, by this process's sources as they are then, and shows when it expires.
pub(crate) fn keeper(vault: Option<Session>, metrics: &VaultMetrics) -> Keeper {
    let again = || VaultSettings::of(&Sources::of_process());
    let (clock, expiry) = (Clock::system(), metrics.token_expiry.clone());
    Keeper::new(vault, Box::new(again), Random::os()).with_watch(move |remains| {
        let seconds = remains.and_then(|remains| i64::try_from(remains.as_secs()).ok());
        expiry.set(seconds.map_or(0, |seconds| clock.now().timestamp().saturating_add(seconds)));
    })
}

async fn from_vault() -> Result<(Sources, Option<Session>, Vec<String>), Failure> {
    let sources = Sources::of_process();
    let Some(vault) = VaultSettings::of(&sources)? else {
        return Ok((sources, None, Vec::new()));
    };
    let (session, secrets) = Session::begin(vault, PATIENCE, &Random::os()).await?;
    let notes = unknown(&secrets).into_iter().collect();
    let sources = sources.with_vault(secrets.place, secrets.values);
    Ok((sources, Some(session), notes))
}

async fn end(vault: Option<Session>) {
    if let Some(session) = vault {
        session.end().await;
    }
}

/// Others may share the place; a misspelt name should not go unseen all the same.
fn unknown(secrets: &Secrets) -> Option<String> {
    let named: Vec<String> = secrets.unknown.iter().map(|key| shown(key)).collect();
    let place = &secrets.place;
    (!named.is_empty()).then(|| {
        format!(
            "Vault has keys at {place} that are no secret setting and are left alone: {}",
            named.join(", ")
        )
    })
}

/// A key as it may be written into a line.
fn shown(key: &str) -> String {
    let plain = key.chars().filter(|letter| !letter.is_control());
    plain.take(60).collect()
}
