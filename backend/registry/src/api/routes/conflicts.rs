//! Routes that answer to the same requests.
//!
//! The gateway takes the more specific of two routes: a named host before any host, the longer path,
//! a named method before any method. Two that are equally specific and overlap would leave it to
//! chance which one people get, so the second is refused.

use saas_storage::registry::RouteRecord;
use serde::Serialize;
use utoipa::ToSchema;

/// A route that answers to the same requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Conflict {
    /// The other route.
    pub(super) route_id: String,
    /// What people call it.
    pub(super) name: Option<String>,
    /// What both answer to.
    pub(super) detail: String,
}

/// What the route clashes with among the others; nothing while it is disabled.
pub(super) fn conflicts(route: &RouteRecord, others: &[RouteRecord]) -> Vec<Conflict> {
    if !route.is_enabled {
        return Vec::new();
    }
    let rivals = others
        .iter()
        .filter(|other| other.is_enabled && other.id != route.id && other.path == route.path);
    rivals
        .filter_map(|other| {
            let host = shared(&route.hosts, &other.hosts, "any host")?;
            let method = shared(&route.methods, &other.methods, "any method")?;
            Some(Conflict {
                route_id: other.id.to_string(),
                name: other.name.clone(),
                detail: format!("both answer to {} at {host}, {method}", route.path),
            })
        })
        .collect()
}

/// Something both lists name, or `any` if both are empty.
fn shared<'a>(ours: &'a [String], theirs: &[String], any: &'a str) -> Option<&'a str> {
    if ours.is_empty() && theirs.is_empty() {
        return Some(any);
    }
    let both = ours.iter().find(|name| theirs.contains(name));
    both.map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use uuid::Uuid;

    fn route(id: u128, hosts: &[&str], path: &str, methods: &[&str]) -> RouteRecord {
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
        RouteRecord {
            id: Uuid::from_u128(id).into(),
            name: None,
            hosts: texts(hosts),
            path: path.to_owned(),
            methods: texts(methods),
            service: "orders".parse().unwrap(),
            strip_path: false,
            access: "public".to_owned(),
            required_permission: None,
            strict: false,
            forward_token: false,
            is_enabled: true,
            version: 1,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn only_equally_specific_routes_clash() {
        let there = [route(1, &["a.example"], "/shop", &["GET"])];
        let clashes = |route| conflicts(&route, &there).len();
        assert_eq!(
            clashes(route(2, &["a.example", "b.example"], "/shop", &["GET"])),
            1
        );
        assert_eq!(clashes(route(2, &["b.example"], "/shop", &["GET"])), 0);
        assert_eq!(clashes(route(2, &[], "/shop", &["GET"])), 0);
        assert_eq!(clashes(route(2, &["a.example"], "/shop/x", &["GET"])), 0);
        assert_eq!(clashes(route(2, &["a.example"], "/shop", &["POST"])), 0);
        assert_eq!(clashes(route(2, &["a.example"], "/shop", &[])), 0);
        assert_eq!(clashes(route(1, &["a.example"], "/shop", &["GET"])), 0);
        let disabled = RouteRecord {
            is_enabled: false,
            ..route(2, &["a.example"], "/shop", &["GET"])
        };
        assert_eq!(clashes(disabled), 0);
    }
}
