//! `saas up`, `saas registry`, `saas core`, `saas gateway`: start, say so, wait for a signal, stop.

use std::{fmt::Write as _, io::Write as _, process::ExitCode, sync::Arc};

use saas_config::{LogFormat, LogLevel, Settings};
use saas_domain::{Clock, Random};
use saas_telemetry::{Level, LogHandle, LogSettings, VaultMetrics};
use saas_vault::Keeper;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::reload::Reload;
use crate::{
    Failure,
    platform::{Form, Platform},
    settings,
};

/// The control plane's threads. Requests of the gateway have threads of their own; two are enough
/// for registry and core, whose work is waiting for the database, and each costs memory.
const CONTROL_THREADS: usize = 2;

/// Runs until SIGTERM or SIGINT, then stops cleanly within `SHUTDOWN_GRACE_SECONDS`. A second
/// signal ends the process at once. SIGHUP reads the settings again.
pub(crate) fn run(form: Form) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(CONTROL_THREADS)
        .thread_name("control")
        .enable_all()
        .build()?;
    let beginning = runtime.block_on(settings::begin(form.role()))?;
    let metrics = VaultMetrics::default();
    let shown = beginning.vault.is_some().then(|| metrics.clone());
    let vault = Arc::new(settings::keeper(beginning.vault, &metrics));
    let done = prepare(form, beginning.settings, beginning.notes)
        .and_then(|(settings, logs)| runtime.block_on(serve(form, settings, &logs, &vault, shown)));
    // However it ended: Vault need not keep a token that nobody uses.
    runtime.block_on(vault.end());
    let code = done?;
    // Nothing that blocks may hold up the end: what had to be saved was saved by `stop`.
    runtime.shutdown_background();
    Ok(code)
}

/// Begins the log, and says in it what the settings had to say.
fn prepare(
    form: Form,
    mut settings: Settings,
    notes: Vec<String>,
) -> Result<(Settings, LogHandle), Failure> {
    settings.ensure_development_secret(&Random::os())?;
    let logs = saas_telemetry::start(log_settings(&settings, form))?;
    for note in notes {
        tracing::warn!("{note}");
    }
    Ok((settings, logs))
}

async fn serve(
    form: Form,
    settings: Settings,
    logs: &LogHandle,
    vault: &Arc<Keeper>,
    metrics: Option<VaultMetrics>,
) -> Result<ExitCode, Failure> {
    let mut reload = Reload::new(form, settings.clone(), Arc::clone(vault))?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let start = Platform::start_with_vault(form, settings, metrics, Clock::system(), Random::os());
    let platform = tokio::select! {
        started = start => started?,
        () = either(&mut terminate, &mut interrupt) => return Ok(ExitCode::SUCCESS),
    };
    announce(&platform);
    let broken = platform.broken();
    tokio::select! {
        () = either(&mut terminate, &mut interrupt) => {}
        never = reload.follow(&platform, logs) => match never {},
        never = vault.follow() => match never {},
        () = broken.cancelled() => {
            platform.stop().await;
            return Err(Failure::failed("the database has another history than at the start (was it restored?); start again"));
        }
    }
    tracing::info!("stopping; a second signal ends the process at once");
    tokio::select! {
        () = platform.stop() => Ok(ExitCode::SUCCESS),
        () = either(&mut terminate, &mut interrupt) => {
            tracing::warn!("ended before everything had stopped");
            Ok(ExitCode::FAILURE)
        }
    }
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Says where the platform is, and how to sign in for the first time.
fn announce(platform: &Platform) {
    if platform.is_production() {
        tell_programs(platform);
    } else {
        tell_person(platform);
    }
}

/// In the log. In production everything a process writes is collected, sent on and kept, and read by
/// people who shall not sign in as the administrator: the password lies in a file instead.
fn tell_programs(platform: &Platform) {
    for (name, url) in platform.addresses() {
        tracing::info!(part = name, url, "serving");
    }
    let Some(first) = platform.first_run() else {
        return;
    };
    match &first.one_time_password {
        None => {
            tracing::info!("first start: the administrator was made; sign in with ADMIN_PASSWORD");
        }
        Some(password) => match platform.keep_one_time_password(password) {
            Ok(file) => tracing::warn!(
                file = %file.display(),
                "first start: the administrator was made; `saas one-time-password` prints the password to sign in with, once"
            ),
            Err(error) => tracing::error!(
                %error,
                "first start: the administrator was made, and the password could not be kept; set ADMIN_PASSWORD and start on a new database"
            ),
        },
    }
}

/// On standard error: standard output carries the log, whose readers are programs.
fn tell_person(platform: &Platform) {
    let mut text = String::from("\n");
    for (name, url) in platform.addresses() {
        let _ = writeln!(text, "  {name:<10} {url}");
    }
    if let Some(first) = platform.first_run() {
        let email = &first.email;
        let _ = write!(text, "\n  First start: the administrator {email} was made.");
        let _ = match &first.one_time_password {
            Some(password) => writeln!(
                text,
                "\n  Sign in with this password, which is shown once and must be changed:\
                 \n\n  One-time password  {password}"
            ),
            None => writeln!(text, " Sign in with ADMIN_PASSWORD."),
        };
    }
    text.push('\n');
    // Nobody reads it if this fails, and nothing depends on it.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// How much is logged.
pub(super) fn level(settings: &Settings) -> Level {
    match settings.log_level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Trace => Level::TRACE,
    }
}

pub(super) fn log_settings(settings: &Settings, form: Form) -> LogSettings {
    LogSettings {
        format: match settings.log_format {
            LogFormat::Auto => saas_telemetry::LogFormat::Auto,
            LogFormat::Json => saas_telemetry::LogFormat::Json,
            LogFormat::Pretty => saas_telemetry::LogFormat::Pretty,
        },
        level: level(settings),
        service: match form {
            Form::Up => "saas".to_owned(),
            one => one.role().as_str().to_owned(),
        },
        clock: Clock::system(),
    }
}
