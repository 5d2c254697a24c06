//! What no route may hide: otherwise one wrong route could lock everybody out, the operator who has
//! to mend it included.

use http::StatusCode;
use saas_storage::registry::RouteRecord;
use saas_web::Problem;

/// Paths that lead to the platform itself.
const OWN: [&str; 6] = [
    "/api/core",
    "/api/registry",
    "/.well-known",
    "/internal",
    "/health",
    "/metrics",
];

/// Refuses a route into the platform's own paths, a route over all of them, and one to the gateway.
pub(super) fn check(route: &RouteRecord) -> Result<(), Problem> {
    let path = route.path.as_str();
    if let Some(own) = OWN.iter().find(|own| is_within(path, own)) {
        return Err(refused(
            "/path",
            format!("{own} belongs to the platform itself"),
        ));
    }
    if route.hosts.is_empty() && matches!(path, "/" | "/api") {
        return Err(refused(
            "/path",
            format!(
                "a route for `{path}` at every host would hide the platform's own interface; name the hosts"
            ),
        ));
    }
    if route.service.as_str() == "gateway" {
        return Err(refused(
            "/service",
            "nothing is forwarded to the gateway itself".to_owned(),
        ));
    }
    Ok(())
}

/// On segment borders.
fn is_within(path: &str, own: &str) -> bool {
    path.strip_prefix(own)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn refused(pointer: &str, detail: String) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "reserved_route")
        .detail(detail.clone())
        .error(pointer, detail)
}
