//! SIGHUP: the settings are read again while the platform runs.

use std::{convert::Infallible, sync::Arc};

use saas_config::{SettingInfo, Settings};
use saas_telemetry::LogHandle;
use saas_vault::Keeper;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::serve::level;
use crate::{
    Failure,
    platform::{Form, Platform},
    settings,
};

/// Waits for SIGHUP and compares what is set then with what was.
pub(super) struct Reload {
    form: Form,
    hangup: Signal,
    in_force: Settings,
    vault: Arc<Keeper>,
}

impl Reload {
    /// From here on SIGHUP does not end the process.
    pub(super) fn new(form: Form, in_force: Settings, vault: Arc<Keeper>) -> Result<Self, Failure> {
        Ok(Self {
            form,
            hangup: signal(SignalKind::hangup())?,
            in_force,
            vault,
        })
    }

    /// Takes over what may change, at each SIGHUP. Does not return.
    pub(super) async fn follow(&mut self, platform: &Platform, logs: &LogHandle) -> Infallible {
        while self.hangup.recv().await.is_some() {
            self.read_again(platform, logs).await;
        }
        std::future::pending().await
    }

    async fn read_again(&mut self, platform: &Platform, logs: &LogHandle) {
        let settings = match settings::again(self.form.role(), &self.vault).await {
            Ok((settings, notes)) => {
                for note in notes {
                    tracing::warn!("{note}");
                }
                settings
            }
            Err(error) => {
                tracing::error!("the settings cannot be used, so that nothing changes: {error}");
                return;
            }
        };
        let changed = self.in_force.differences(&settings);
        let (now, later): (Vec<&SettingInfo>, Vec<&SettingInfo>) =
            changed.iter().partition(|setting| setting.reloadable);
        for setting in &later {
            tracing::warn!(
                setting = setting.name,
                "{} has changed, which takes effect at the next start",
                setting.name
            );
        }
        logs.set_level(level(&settings));
        platform.reload(&settings);
        if let Err(error) = platform.reload_tls() {
            let error = Failure::failed(
                "the certificates cannot be used, so that the ones before are shown",
            )
            .because(error);
            tracing::error!("{error}");
        }
        for setting in &now {
            tracing::info!(setting = setting.name, "{} has changed", setting.name);
        }
        if changed.is_empty() {
            tracing::info!("the settings were read again; none has changed");
        }
        self.in_force = settings;
    }
}
