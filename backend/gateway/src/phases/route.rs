//! Where a request leads.

use std::sync::Arc;

use http::{HeaderValue, Method, StatusCode, header};
use saas_registry_client::wire::Access;

use super::{CheckedPath, Desk, Refusal, Sound};
use crate::table::{Found, Rule, ServiceEntry, ServiceKind};

/// What a request is for.
#[derive(Debug)]
pub enum Target {
    /// One of the gateway's own end points.
    Own(Arc<Rule>),
    /// A file of the console.
    Console(Arc<Rule>),
    /// A service.
    Service(Matched),
}

/// A request for a service.
#[derive(Debug)]
pub struct Matched {
    /// What the route asks for and does.
    pub rule: Arc<Rule>,
    /// The service; `None` if the route leads to one that nobody knows.
    pub service: Option<Arc<ServiceEntry>>,
    /// Whether the path, as the service sees it, is not for the outside.
    pub is_private: bool,
}

/// Finds the target: the gateway's own end points, routes that people defined, the convention
/// `/api/{service}/{rest}`, `/.well-known/*`, the console.
pub(super) fn find(desk: &Desk<'_>, method: &Method, sound: &Sound<'_>) -> Result<Target, Refusal> {
    let path = sound.path.plain();
    let fixed = &desk.table.fixed;
    let own = match path {
        "/health" => Some(&fixed.health),
        "/health/live" => Some(&fixed.live),
        "/health/ready" => Some(&fixed.ready),
        "/metrics" => Some(&fixed.metrics),
        _ => None,
    };
    if let Some(rule) = own {
        return read_only(method).map(|()| Target::Own(Arc::clone(rule)));
    }
    let others = match desk.table.routes.find(sound.host.as_deref(), path, method) {
        Found::Match(found) => {
            let (rule, service) = (Arc::clone(&found.rule), found.service.clone());
            return Ok(matched(rule, service, &sound.path));
        }
        Found::OtherMethods(others) => others,
        Found::Nothing => Vec::new(),
    };
    if let Some(rest) = path.strip_prefix("/api/") {
        return convention(desk, rest, &sound.path);
    }
    if path.starts_with("/.well-known/") {
        let core = desk.table.service("core").cloned();
        return Ok(matched(Arc::clone(&fixed.well_known), core, &sound.path));
    }
    if !others.is_empty() {
        return Err(method_not_allowed(&others));
    }
    let is_for_console = !matches!(first_segment(path), "api" | ".well-known")
        && !is_private(path)
        && desk.policy.serves_console;
    if is_for_console && read_only(method).is_ok() {
        return Ok(Target::Console(Arc::clone(&fixed.console)));
    }
    Err(Refusal::not_found(
        "no route leads there; services are reached at /api/{service}/…",
    ))
}

fn convention(desk: &Desk<'_>, rest: &str, path: &CheckedPath<'_>) -> Result<Target, Refusal> {
    let name = rest.split('/').next().unwrap_or_default();
    let service = desk
        .table
        .service(name)
        .filter(|service| service.kind != ServiceKind::Gateway)
        .ok_or_else(|| {
            let name: String = name.chars().take(64).collect();
            Refusal::not_found(format!("no service `{name}` is registered"))
        })?;
    let fixed = &desk.table.fixed;
    let rule = &fixed.convention;
    // A path parameter might turn a public path into another one for the service: no exemption.
    let is_public = !path.has_parameters()
        && service
            .public_paths
            .contain(path.plain_after(rule.strip_segments));
    let rule = if is_public {
        &fixed.convention_public
    } else {
        rule
    };
    Ok(matched(Arc::clone(rule), Some(Arc::clone(service)), path))
}

fn matched(rule: Arc<Rule>, service: Option<Arc<ServiceEntry>>, path: &CheckedPath<'_>) -> Target {
    let is_private = is_private(path.plain_after(rule.strip_segments));
    Target::Service(Matched {
        rule,
        service,
        is_private,
    })
}

/// Paths that services keep for the platform: never forwarded, whatever route leads there. The
/// comparison ignores case because some frameworks' routers do.
fn is_private(path: &str) -> bool {
    let first = first_segment(path);
    ["internal", "metrics", "health", "healthz"]
        .iter()
        .any(|private| first.eq_ignore_ascii_case(private))
}

fn first_segment(path: &str) -> &str {
    path.split('/').nth(1).unwrap_or_default()
}

fn read_only(method: &Method) -> Result<(), Refusal> {
    if matches!(*method, Method::GET | Method::HEAD) {
        Ok(())
    } else {
        Err(method_not_allowed(&[Method::GET, Method::HEAD]))
    }
}

fn method_not_allowed(allowed: &[Method]) -> Refusal {
    let names: Vec<&str> = allowed.iter().map(Method::as_str).collect();
    let names = names.join(", ");
    let refusal = Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        format!("here only {names} is served"),
    );
    match HeaderValue::from_str(&names) {
        Ok(allow) => refusal.header(header::ALLOW, allow),
        Err(_) => refusal,
    }
}

/// The service, if requests may go there.
pub(super) fn open(matched: &Matched) -> Result<&Arc<ServiceEntry>, Refusal> {
    if matched.is_private {
        return Err(Refusal::not_found(
            "this path is not reachable from outside",
        ));
    }
    let Some(service) = &matched.service else {
        return Err(Refusal::unavailable(
            "service_unknown",
            5,
            "the route leads to a service that is not registered; start it or change the route",
        ));
    };
    if service.kind == ServiceKind::Gateway {
        return Err(Refusal::not_found(
            "nothing is forwarded to the gateway itself",
        ));
    }
    if !service.is_active {
        return Err(Refusal::unavailable(
            "service_inactive",
            60,
            format!(
                "the service `{}` was taken out by an operator",
                service.name
            ),
        ));
    }
    Ok(service)
}

/// The access that holds: a path parameter takes a route's exemption away.
pub(super) fn access(rule: &Rule, path: &CheckedPath<'_>) -> Access {
    if path.has_parameters() {
        Access::Authenticated
    } else {
        rule.access
    }
}
