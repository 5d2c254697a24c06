//! What was set for the whole process, in the form that requests need.
//!
//! [`Policy`] may change while the gateway runs; [`Times`] may not.

use std::time::Duration;

use saas_config::{CorsOrigins, Networks, Settings};
use saas_telemetry::{Counter, Kind, Metrics};

use crate::phases::{ConsoleHost, Cors, LoopMark};

/// What requests are measured by.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Whose forwarding headers are believed.
    pub trusted_proxies: Networks,
    /// Where instances may be.
    pub upstream_networks: Networks,
    /// Which web pages may read answers.
    pub cors: Cors,
    /// Where people use the console.
    pub console: ConsoleHost,
    /// Finds requests that go in circles.
    pub loop_mark: LoopMark,
    /// Whether credentials over plain HTTP from far away are refused.
    pub is_production: bool,
    /// Whether there is a console to serve.
    pub serves_console: bool,
    /// Requests a second for a tenant; 0: no limit.
    pub rate_per_tenant: u32,
    /// Requests a second for an address; 0: no limit.
    pub rate_per_address: u32,
    /// The largest request body, in bytes.
    pub largest_upload: Option<u64>,
    /// Counters the phases raise.
    pub counts: PhaseCounts,
}

/// What a gateway is told of the installation it belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// The origin where people and programs reach the API.
    pub public_url: &'a str,
    /// The origin where people reach the console, the one whose pages may send cookies.
    pub console_url: &'a str,
    /// Whether there is a console to serve.
    pub serves_console: bool,
    /// What tells the installation from others: see [`LoopMark`].
    pub mark: &'a str,
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Until a connection to an instance stands.
    pub connect: Duration,
    /// Seconds until the answer's head is there, counted from the last of the upload.
    pub answer_head: u32,
    /// Seconds between two pieces of a body, in either direction; event streams and upgraded
    /// connections may be silent for longer.
    pub idle_body: u32,
    /// Seconds a client may take for a request's head.
    pub request_head: u32,
    /// Seconds a connection is kept open without a request.
    pub idle_connection: u32,
    /// How long a request waits for an instance of a service that was up a moment ago.
    pub wait_for_instance: Duration,
    /// What a moment is, in milliseconds.
    pub moment_ms: u64,
    /// From the signal to stop until connections without a request are closed.
    pub linger: Duration,
    /// From the signal to stop until what is left is cut off.
    pub grace: Duration,
}

impl Times {
    /// The usual ones, with the grace time that was set. Proxies in front commonly give up after 60 s:
    /// the gateway does so before them, because its answer says which service was waited for. It also
    /// keeps an idle connection for longer than they do, so that none closes as a request is sent.
    pub const fn new(grace: Duration) -> Self {
        Self {
            connect: Duration::from_secs(2),
            answer_head: 55,
            idle_body: 60,
            request_head: 10,
            idle_connection: 75,
            wait_for_instance: Duration::from_secs(5),
            moment_ms: 30_000,
            linger: Duration::from_millis(500),
            grace,
        }
    }
}

/// Counters the phases raise.
#[derive(Clone, Debug)]
pub struct PhaseCounts {
    /// Refused by a tenant's limit.
    pub limited_tenant: Counter,
    /// Refused by an address's limit.
    pub limited_address: Counter,
}

impl PhaseCounts {
    fn new(metrics: &Metrics) -> Self {
        let limited = |kind| {
            let family = &metrics.gateway().rate_limited;
            family.get_or_create_owned(&Kind { kind })
        };
        Self {
            limited_tenant: limited("tenant"),
            limited_address: limited("address"),
        }
    }
}

impl Policy {
    /// From the settings and what else is known of the installation.
    pub fn new(settings: &Settings, site: Site<'_>, metrics: &Metrics) -> Self {
        let is_production = settings.environment.is_production();
        Self {
            trusted_proxies: settings.trusted_proxies.clone(),
            upstream_networks: settings.upstream_networks.clone(),
            cors: cors(settings, site.console_url),
            console: ConsoleHost::new(site.console_url, site.public_url, is_production),
            loop_mark: LoopMark::new(site.mark),
            is_production,
            serves_console: site.serves_console,
            rate_per_tenant: settings.rate_limit_per_tenant.unwrap_or(0),
            rate_per_address: settings.rate_limit_per_address.unwrap_or(0),
            largest_upload: settings.max_upload_bytes,
            counts: PhaseCounts::new(metrics),
        }
    }

    /// The same with what these settings say and may change while the gateway runs.
    #[must_use]
    pub fn reloaded(&self, settings: &Settings, console_origin: &str) -> Self {
        Self {
            cors: cors(settings, console_origin),
            rate_per_tenant: settings.rate_limit_per_tenant.unwrap_or(0),
            rate_per_address: settings.rate_limit_per_address.unwrap_or(0),
            largest_upload: settings.max_upload_bytes,
            ..self.clone()
        }
    }
}

fn cors(settings: &Settings, console_origin: &str) -> Cors {
    let origins: &[String] = match &settings.cors_origins {
        CorsOrigins::Any => &["*".to_owned()],
        CorsOrigins::Only(origins) => origins,
    };
    Cors::new(origins, Some(console_origin))
}
