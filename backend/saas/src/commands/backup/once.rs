//! `saas backup schedule --once`.

use std::{process::ExitCode, sync::Arc, time::Duration};

use saas_config::{Role, Settings};
use saas_domain::{Clock, Random};
use saas_recovery::Tick;
use saas_storage::{Database, DatabaseSettings};
use saas_telemetry::BackupMetrics;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::{
    Failure,
    backups::{Figures, cron, scheduler},
    commands::{block_on, serve},
    platform::{Form, fit},
    settings,
};

/// How often it is looked whether another process, which does it, is done or gone.
const LOOK: Duration = Duration::from_secs(5);

pub(super) fn run() -> Result<ExitCode, Failure> {
    let mut settings = settings::load(Role::Backup)?;
    settings.ensure_development_secret(&Random::os())?;
    fit::look(&settings)?;
    let _logs = saas_telemetry::start(serve::log_settings(&settings, Form::Backup))?;
    block_on(async {
        let stopping = CancellationToken::new();
        let (mut interrupt, mut terminate) = (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        );
        let stop = stopping.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            stop.cancel();
        });
        due(settings, &stopping).await
    })
}

/// Does what is due, until that is done, given up, or no longer ours.
async fn due(settings: Settings, stopping: &CancellationToken) -> Result<ExitCode, Failure> {
    let Some(cron) = cron(&settings)? else {
        tracing::info!("BACKUP_SCHEDULE is off");
        return Ok(ExitCode::SUCCESS);
    };
    let url = settings.database_url.expose();
    saas_migration::up(url).await?;
    let few = DatabaseSettings {
        url: url.to_owned(),
        min_connections: 0,
        max_connections: 4,
    };
    let database = Database::open(few, Clock::system(), Random::os()).await?;
    let scheduler = scheduler(
        Figures {
            makes: true,
            settings: Arc::new(settings),
            database,
            metrics: BackupMetrics::default(),
        },
        cron,
    );
    let mut has_failed = false;
    while !stopping.is_cancelled() {
        let wait = match scheduler.tick(stopping).await? {
            Tick::Idle if !has_failed => {
                tracing::info!("nothing is due");
                return Ok(ExitCode::SUCCESS);
            }
            Tick::Idle | Tick::Elsewhere | Tick::Interrupted => LOOK,
            Tick::Ended(ended) => match (ended.outcome, ended.again_after) {
                (Ok(_), _) => return Ok(ExitCode::SUCCESS),
                (Err(fault), None) => {
                    return Err(Failure::failed(format!("no backup was made: {fault}")));
                }
                (Err(_), Some(after)) => {
                    has_failed = true;
                    after
                }
            },
        };
        tokio::select! {
            () = stopping.cancelled() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
    Err(Failure::failed("stopped; the next one goes on"))
}
