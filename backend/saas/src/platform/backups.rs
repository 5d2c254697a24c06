//! The schedule of backups as a part of a process: alone, with a server for its health and metrics, or
//! beside core. Core's metrics tell of backups also where others make them.

use std::sync::Arc;

use saas_storage::Database;
use saas_telemetry::{BackupMetrics, Metrics};
use saas_web::{Access, Health, StackSettings};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    assemble::{Site, serve_on},
    parts::BackupPart,
};
use crate::{
    Failure,
    backups::{Figures, cron, drill_cron, drill_scheduler, scheduler},
};

/// Begins to make backups by the schedule, if that is for this process, and to look at those that are
/// there.
pub(super) fn start(
    site: &Site,
    alone: Option<(TcpListener, Metrics)>,
    database: Database,
    shown: BackupMetrics,
) -> Result<BackupPart, Failure> {
    let stopping = CancellationToken::new();
    let server = alone.map(|(listener, metrics)| {
        metrics.show_backups(&shown);
        let router = router(site, metrics, database.clone(), &stopping);
        serve_on(site, listener, router, &stopping)
    });
    let makes = site.form.has_backups();
    let figures = Figures {
        makes,
        settings: Arc::clone(&site.settings),
        database,
        metrics: shown,
    };
    let mut tasks = JoinSet::new();
    match cron(&site.settings)? {
        _ if !makes => {}
        None => tracing::info!("BACKUP_SCHEDULE is off: no backups are made here"),
        Some(cron) => {
            let next = cron.next(site.clock.now());
            tracing::debug!(
                next = next.map(|next| next.to_rfc3339()),
                "backups are scheduled"
            );
            let scheduler = scheduler(figures.clone(), cron);
            let stopping = stopping.clone();
            tasks.spawn(async move { Box::pin(scheduler.run(&stopping)).await });
        }
    }
    if let Some(cron) = drill_cron(&site.settings)?.filter(|_| makes) {
        let scheduler = drill_scheduler(figures.clone(), cron);
        let stopping = stopping.clone();
        tasks.spawn(async move { Box::pin(scheduler.run(&stopping)).await });
    }
    let ends = stopping.clone();
    tasks.spawn(async move { figures.follow(&ends).await });
    Ok(BackupPart {
        server,
        tasks,
        stopping,
    })
}

fn router(
    site: &Site,
    metrics: Metrics,
    database: Database,
    stopping: &CancellationToken,
) -> axum::Router {
    let settings = &site.settings;
    let token = settings.metrics_token.as_ref();
    let token = token.map(saas_config::Secret::expose);
    let access = Access::new(token, settings.environment.is_production());
    let health =
        Health::new(metrics.clone(), access, stopping.clone()).check("database", move || {
            let database = database.clone();
            async move { database.ready().await.map_err(|error| error.chain()) }
        });
    let stacked = StackSettings {
        tracer: site.tracing.tracer(settings, &metrics),
        ..StackSettings::new(site.clock.clone(), site.random.clone(), metrics)
    };
    saas_web::stack(health.router(), stacked)
}
