//! Telling somebody how a backup ended: `BACKUP_ON_SUCCESS` and `BACKUP_ON_FAILURE`.

use std::{
    error::Error,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Method, Request, Uri, header};
use saas_config::{Hook, Settings};
use saas_registry_client::{ClientError, HttpClient};
use serde_json::{Map, Value, json};

use crate::Failure;

/// How long whoever is told may take.
const WITHIN: Duration = Duration::from_secs(30);
/// How often a program is looked at whether it has ended.
const LOOK: Duration = Duration::from_millis(20);
/// What a program finds in its environment besides what happened. Never the platform's own settings,
/// which hold secrets.
const INHERITED: [&str; 5] = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];

/// What happened.
pub(crate) struct Event {
    is_success: bool,
    told: Map<String, Value>,
}

impl Event {
    /// A backup was made, of which this is known.
    pub(crate) fn succeeded(told: Map<String, Value>) -> Self {
        Self::new(true, told)
    }

    /// A backup failed, for this reason.
    pub(crate) fn failed(fault: &str) -> Self {
        let told = Map::from_iter([("fault".to_owned(), json!(fault))]);
        Self::new(false, told)
    }

    fn new(is_success: bool, mut told: Map<String, Value>) -> Self {
        told.insert("event".to_owned(), json!(name(is_success)));
        Self { is_success, told }
    }

    /// With one more fact.
    pub(crate) fn with(mut self, name: &str, value: Value) -> Self {
        self.told.insert(name.to_owned(), value);
        self
    }

    /// Tells whom the settings name, if they name anybody.
    ///
    /// # Errors
    /// When that does not work. The backup is none the worse for it.
    pub(crate) async fn tell(self, settings: &Settings) -> Result<(), Failure> {
        let (setting, hook) = if self.is_success {
            ("BACKUP_ON_SUCCESS", &settings.backup.on_success)
        } else {
            ("BACKUP_ON_FAILURE", &settings.backup.on_failure)
        };
        match hook {
            None => Ok(()),
            Some(Hook::Url(url)) => {
                let authorities = settings.tls.ca_file.as_deref();
                post(setting, url.expose(), authorities, &self.told).await
            }
            Some(Hook::Program(program)) => {
                let (program, told) = (program.clone(), self.told);
                let run = move || run(setting, &program, &told);
                let done = tokio::task::spawn_blocking(run).await;
                done.unwrap_or_else(|error| Err(Failure::failed(setting).because(error)))
            }
        }
    }
}

const fn name(is_success: bool) -> &'static str {
    if is_success {
        "backup.succeeded"
    } else {
        "backup.failed"
    }
}

/// The address itself is not repeated: it may hold a token.
async fn post(
    setting: &str,
    url: &str,
    authorities: Option<&Path>,
    told: &Map<String, Value>,
) -> Result<(), Failure> {
    let failed = |why: &str| Failure::failed(format!("{setting} was not told: {why}"));
    let uri: Uri = url.parse().map_err(|_| failed("its address is no URL"))?;
    let client = if uri.scheme_str() == Some("https") {
        HttpClient::secure(&saas_tls::client_config(authorities)?)
    } else {
        HttpClient::new()
    };
    let host = uri.host().unwrap_or_default().to_owned();
    let body = Bytes::from(Value::Object(told.clone()).to_string());
    let request = Request::builder()
        .method(Method::POST)
        .uri(uri)
        .header(header::CONTENT_TYPE, "application/json")
        .header(
            header::USER_AGENT,
            concat!("saas/", env!("CARGO_PKG_VERSION")),
        )
        .body(body.into())
        .map_err(|_| failed("its address is no URL"))?;
    match client.send(request, WITHIN).await {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(failed(&format!("{host} answered {}", answer.status()))),
        Err(ClientError::TimedOut { after, .. }) => {
            let seconds = after.as_secs();
            Err(failed(&format!("{host} did not answer within {seconds} s")))
        }
        Err(error) => {
            let mut why = format!("{host} cannot be reached");
            let mut cause = error.source();
            while let Some(error) = cause {
                why = format!("{why}: {error}");
                cause = error.source();
            }
            Err(failed(&why))
        }
    }
}

/// Runs a program with what happened in its environment, each fact as `SAAS_BACKUP_<NAME>`, and all of
/// it as JSON on its standard input.
fn run(setting: &str, program: &Path, told: &Map<String, Value>) -> Result<(), Failure> {
    let failed = |why: String| Failure::failed(format!("{setting}: {} {why}", program.display()));
    let facts = told.iter().filter(|(_, value)| !value.is_null());
    let facts = facts.map(|(name, value)| {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        (format!("SAAS_BACKUP_{}", name.to_ascii_uppercase()), text)
    });
    let inherited = INHERITED
        .into_iter()
        .filter_map(|name| Some((name, std::env::var_os(name)?)));
    let mut child = Command::new(program)
        .env_clear()
        .envs(inherited)
        .envs(facts)
        .stdin(Stdio::piped())
        // Standard output is for what a command was asked for.
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| failed(format!("cannot be run: {error}")))?;
    if let Some(mut stdin) = child.stdin.take() {
        // Smaller than a pipe, so that nobody waits; who does not read it does not want it.
        let _ = stdin.write_all(Value::Object(told.clone()).to_string().as_bytes());
    }
    let began = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(failed(format!("ended with {status}"))),
            Err(error) => return Err(failed(format!("cannot be waited for: {error}"))),
            Ok(None) if began.elapsed() >= WITHIN => {
                let _ = child.kill();
                let _ = child.wait();
                let seconds = WITHIN.as_secs();
                return Err(failed(format!(
                    "took longer than {seconds} s and was ended"
                )));
            }
            Ok(None) => std::thread::sleep(LOOK),
        }
    }
}
