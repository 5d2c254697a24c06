//! The platform put together: for the program, in one process or as one of several, and for tests.

mod advertise;
mod assemble;
mod backups;
mod console_files;
mod first_word;
pub(crate) mod fit;
mod parts;
pub mod run_file;
mod traces;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use saas_config::{Role, Settings};
use saas_core::FirstRun;
use saas_domain::{Clock, Random};
use saas_telemetry::VaultMetrics;
use tokio_util::sync::CancellationToken;

use crate::{DataDir, Failure};
use parts::{BackupPart, CorePart, GatewayPart, RegistryPart};
use run_file::RunFile;
use traces::Tracing;

/// What runs in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Everything.
    Up,
    /// The registry alone.
    Registry,
    /// Core alone.
    Core,
    /// The gateway alone.
    Gateway,
    /// The schedule of backups alone.
    Backup,
}

impl Form {
    /// The role whose settings count.
    pub const fn role(self) -> Role {
        match self {
            Self::Up => Role::Up,
            Self::Registry => Role::Registry,
            Self::Core => Role::Core,
            Self::Gateway => Role::Gateway,
            Self::Backup => Role::Backup,
        }
    }

    const fn has_registry(self) -> bool {
        matches!(self, Self::Up | Self::Registry)
    }

    const fn has_core(self) -> bool {
        matches!(self, Self::Up | Self::Core)
    }

    const fn has_gateway(self) -> bool {
        matches!(self, Self::Up | Self::Gateway)
    }

    /// Whether it makes backups by the schedule.
    const fn has_backups(self) -> bool {
        matches!(self, Self::Up | Self::Backup)
    }
}

/// A running platform, or one process of it.
pub struct Platform {
    settings: Arc<Settings>,
    data_dir: DataDir,
    registry: Option<RegistryPart>,
    core: Option<CorePart>,
    gateway: Option<GatewayPart>,
    backup: Option<BackupPart>,
    run: RunFile,
    tracing: Tracing,
}

impl Platform {
    /// Starts what the form asks for, on the current runtime, and returns when it is ready to
    /// serve: migrated, listening, registered, and for the gateway with routes and trust.
    ///
    /// A gateway alone that finds neither registry nor a last good copy starts all the same, and
    /// says at `/health/ready` that it is not ready.
    ///
    /// # Errors
    /// When a port is taken, the data directory cannot be used, or the database is away.
    pub async fn start(
        form: Form,
        settings: Settings,
        clock: Clock,
        random: Random,
    ) -> Result<Self, Failure> {
        Self::start_with_vault(form, settings, None, clock, random).await
    }

    /// The same where secrets come from Vault: each service shows when the token for it expires.
    ///
    /// # Errors
    /// As [`Platform::start`].
    pub async fn start_with_vault(
        form: Form,
        settings: Settings,
        vault: Option<VaultMetrics>,
        clock: Clock,
        random: Random,
    ) -> Result<Self, Failure> {
        // Boxed, because it is large and done once.
        Box::pin(assemble::start(form, settings, vault, clock, random)).await
    }

    /// The names and addresses of what runs here, for people.
    pub fn addresses(&self) -> Vec<(&'static str, &str)> {
        let mut addresses = Vec::new();
        if let (Some(url), Some(part)) = (&self.run.gateway, &self.gateway) {
            if part.serves_console {
                addresses.push(("Console", url.as_str()));
            }
            addresses.push(("Gateway", url));
            addresses.extend(part.https_url.as_deref().map(|url| ("HTTPS", url)));
        }
        addresses.extend(self.run.registry.as_deref().map(|url| ("Registry", url)));
        addresses.extend(self.run.core.as_deref().map(|url| ("Core", url)));
        addresses.extend(self.run.backup.as_deref().map(|url| ("Backups", url)));
        addresses
    }

    /// What `run.json` says.
    pub const fn run(&self) -> &RunFile {
        &self.run
    }

    /// The administrator that this start made, if there was none.
    pub fn first_run(&self) -> Option<&FirstRun> {
        self.core.as_ref()?.first_run.as_ref()
    }

    /// From here on these settings count, as far as they may change while the platform runs.
    pub fn reload(&self, settings: &Settings) {
        if let Some(part) = &self.gateway {
            part.handle.reload(settings);
        }
    }

    /// Reads the gateway's certificates again, without dropping a connection; does nothing where no
    /// https is served.
    ///
    /// # Errors
    /// What is wrong with the files; what was shown before is shown further.
    pub fn reload_tls(&self) -> Result<(), saas_tls::TlsError> {
        match &self.gateway {
            Some(gateway) => gateway.handle.reload_tls(),
            None => Ok(()),
        }
    }

    /// Whether it runs with `ENVIRONMENT=production`.
    pub fn is_production(&self) -> bool {
        self.settings.environment.is_production()
    }

    /// Puts the first administrator's one-time password into a file of the data directory that only
    /// this user reads; returns where it is.
    ///
    /// # Errors
    /// When the data directory cannot be written to.
    pub fn keep_one_time_password(&self, password: &str) -> Result<PathBuf, Failure> {
        let kept = self
            .data_dir
            .write_secret(crate::ONE_TIME_PASSWORD_FILE, password)?;
        Ok(kept)
    }

    /// Fires when a part cannot go on and the process has to be started afresh.
    pub fn broken(&self) -> CancellationToken {
        let core = self.core.as_ref().map(|core| core.stopping.clone());
        core.unwrap_or_default()
    }

    /// Stops cleanly within the grace time: the gateway first, so that what is under way still
    /// finds its services, then core, then the registry. What is known of requests is sent last.
    pub async fn stop(self) {
        let (grace, began) = (self.settings.shutdown_grace, Instant::now());
        if let Some(backup) = &self.backup {
            // A backup under way ends meanwhile.
            backup.stopping.cancel();
        }
        if let Some(gateway) = self.gateway {
            gateway.stop().await;
        }
        // Alone, core waits until the gateways send it nothing more; beside its own gateway, that
        // one has stopped already.
        let drain = if self.registry.is_some() {
            Duration::ZERO
        } else {
            grace / 2
        };
        if let Some(core) = self.core {
            core.stop(drain, grace).await;
        }
        if let Some(registry) = self.registry {
            registry.stop(grace).await;
        }
        if let Some(backup) = self.backup {
            backup.stop(grace).await;
        }
        let left = traces::time_to_flush(grace, began.elapsed());
        self.tracing.stop(left).await;
        run_file::remove(&self.data_dir);
        tracing::info!("stopped");
    }
}
