//! The rules a request follows once its route is known.

use std::sync::{Arc, OnceLock};

use http::Method;
use saas_registry_client::wire::{Access, Route};
use saas_telemetry::{EndpointMetrics, HttpMetrics};

/// What a route asks for and does.
#[derive(Debug)]
pub struct Rule {
    /// The route's template, which metrics carry in place of the path.
    pub endpoint: Box<str>,
    /// How many of the path's segments are left out before forwarding.
    pub strip_segments: usize,
    /// Who may use it.
    pub access: Access,
    /// A permission that the token must grant.
    pub required_permission: Option<Box<str>>,
    /// Whether stale trust closes it.
    pub is_strict: bool,
    /// Whether the client's token is passed on.
    pub forwards_token: bool,
    /// Whether it holds for certain hosts only.
    pub names_hosts: bool,
    counts: Counts,
}

/// The counts per method, fetched once.
#[derive(Default)]
struct Counts([OnceLock<Arc<EndpointMetrics>>; 8]);

impl std::fmt::Debug for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Counts")
    }
}

impl Rule {
    fn fixed(endpoint: &str, strip_segments: usize, access: Access) -> Self {
        Self {
            endpoint: endpoint.into(),
            strip_segments,
            access,
            required_permission: None,
            is_strict: false,
            forwards_token: false,
            names_hosts: false,
            counts: Counts::default(),
        }
    }

    /// The rule of a route that people defined.
    pub fn of_route(route: &Route) -> Self {
        let path = route.path.trim_end_matches('/');
        let segments = path.matches('/').count();
        Self {
            endpoint: format!("{path}/*").into(),
            strip_segments: if route.strip_path { segments } else { 0 },
            access: route.access,
            required_permission: route.required_permission.as_deref().map(Into::into),
            is_strict: route.strict,
            forwards_token: route.forward_token,
            names_hosts: !route.hosts.is_empty(),
            counts: Counts::default(),
        }
    }

    /// The counts of requests with this method.
    pub fn counts(&self, method: &Method, metrics: &HttpMetrics) -> &EndpointMetrics {
        let index = match *method {
            Method::GET => 0,
            Method::POST => 1,
            Method::PUT => 2,
            Method::PATCH => 3,
            Method::DELETE => 4,
            Method::HEAD => 5,
            Method::OPTIONS => 6,
            _ => 7,
        };
        let cell = self.counts.0.get(index).unwrap_or(&self.counts.0[7]);
        cell.get_or_init(|| metrics.endpoint(method.as_str(), &self.endpoint))
    }
}

/// The rules that exist without anybody defining them.
#[derive(Debug)]
pub struct FixedRules {
    /// `/health`.
    pub health: Arc<Rule>,
    /// `/health/live`.
    pub live: Arc<Rule>,
    /// `/health/ready`.
    pub ready: Arc<Rule>,
    /// `/metrics`.
    pub metrics: Arc<Rule>,
    /// The console's files.
    pub console: Arc<Rule>,
    /// What led nowhere.
    pub unmatched: Arc<Rule>,
    /// `/api/{service}/…` with a token.
    pub convention: Arc<Rule>,
    /// `/api/{service}/…` where the service declared the path public.
    pub convention_public: Arc<Rule>,
    /// `/.well-known/…`, which core answers.
    pub well_known: Arc<Rule>,
}

impl Default for FixedRules {
    fn default() -> Self {
        let rule = |endpoint, strip, access| Arc::new(Rule::fixed(endpoint, strip, access));
        Self {
            health: rule("/health", 0, Access::Public),
            live: rule("/health/live", 0, Access::Public),
            ready: rule("/health/ready", 0, Access::Public),
            metrics: rule("/metrics", 0, Access::Public),
            console: rule("/console/*", 0, Access::Public),
            unmatched: rule("unmatched", 0, Access::Public),
            convention: rule("/api/{service}/*", 2, Access::Authenticated),
            convention_public: rule("/api/{service}/*", 2, Access::Public),
            well_known: rule("/.well-known/*", 0, Access::Public),
        }
    }
}
