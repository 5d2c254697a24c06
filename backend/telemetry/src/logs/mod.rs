//! Logs: one JSON object a line in production, readable lines in a terminal.

mod json;
mod sink;

use std::{
    fmt,
    io::{self, IsTerminal as _},
    panic,
};

use saas_domain::Clock;
use tracing::{Level, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer as _, Registry, filter::Targets, fmt as pretty, layer::SubscriberExt as _, reload,
    util::SubscriberInitExt as _,
};

use json::JsonLines;
use sink::Sink;

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// `Pretty` if standard output is a terminal, else `Json`.
    Auto,
    /// One JSON object a line, with the field names of the Elastic Common Schema.
    Json,
    /// For people.
    Pretty,
}

/// What [`start`] needs to know.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// How logs are written.
    pub format: LogFormat,
    /// Which are written; can be changed later.
    pub level: Level,
    /// `service.name` of lines that no request and no task of another service wrote.
    pub service: String,
    /// Tells the time of each line.
    pub clock: Clock,
}

/// Logging was started already in this process.
#[derive(Debug, thiserror::Error)]
#[error("logging was started twice in one process")]
pub struct StartError(#[source] tracing_subscriber::util::TryInitError);

/// Keeps logging alive. Dropping it writes out what is still waiting.
pub struct LogHandle {
    level: reload::Handle<Targets, Registry>,
    sink: Option<Sink>,
}

impl fmt::Debug for LogHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogHandle")
    }
}

impl LogHandle {
    /// From now on logs what is at least as severe as `level`.
    pub fn set_level(&self, level: Level) {
        // Fails only when the subscriber is gone, and then nobody logs.
        let _ = self.level.reload(filter(level));
    }

    /// Waits until every line so far is written.
    pub fn flush(&self) {
        if let Some(sink) = &self.sink {
            sink.flush();
        }
    }
}

impl Drop for LogHandle {
    fn drop(&mut self) {
        self.flush();
    }
}

/// Starts logging to standard output for the whole process, and logs panics too.
pub fn start(settings: LogSettings) -> Result<LogHandle, StartError> {
    let (level_filter, level) = reload::Layer::new(filter(settings.level));
    let pretty = match settings.format {
        LogFormat::Auto => io::stdout().is_terminal(),
        LogFormat::Json => false,
        LogFormat::Pretty => true,
    };
    let sink = if pretty {
        let ansi = io::stdout().is_terminal();
        let lines = pretty::layer().compact().with_ansi(ansi).with_target(false);
        let subscriber = Registry::default().with(lines.with_filter(level_filter));
        subscriber.try_init().map_err(StartError)?;
        None
    } else {
        let sink = Sink::new(io::stdout());
        let lines = JsonLines::new(settings.service, settings.clock, sink.clone());
        let subscriber = Registry::default().with(lines.with_filter(level_filter));
        subscriber.try_init().map_err(StartError)?;
        Some(sink)
    };
    log_panics();
    Ok(LogHandle { level, sink })
}

/// Libraries tell more than an operator wants; theirs is shown from `warn` up, unless everything is.
fn filter(level: Level) -> Targets {
    const LIBRARIES: [&str; 8] = [
        "h2",
        "hyper",
        "hyper_util",
        "redis",
        "rustls",
        "sea_orm",
        "sea_orm_migration",
        "sqlx",
    ];
    let targets = Targets::new().with_default(level);
    if level == Level::TRACE {
        return targets;
    }
    let quiet = LevelFilter::from_level(level.min(Level::WARN));
    targets.with_targets(LIBRARIES.map(|library| (library, quiet)))
}

fn log_panics() {
    panic::set_hook(Box::new(|panic| {
        let location = panic.location();
        let file = location.map(panic::Location::file);
        let line = location.map(panic::Location::line);
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(
            log.origin.file.name = file,
            log.origin.file.line = line,
            "panic: {message}"
        );
    }));
}
