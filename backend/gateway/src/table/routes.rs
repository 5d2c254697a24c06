//! Routes that people defined, indexed by host and path.

use std::{collections::HashMap, sync::Arc};

use http::Method;
use saas_registry_client::wire::Route;

use super::{Rule, ServiceEntry};

/// A route that fits.
#[derive(Clone, Debug)]
pub struct RouteMatch {
    /// What it asks for and does.
    pub rule: Arc<Rule>,
    /// Where it leads; `None` if no such service is known.
    pub service: Option<Arc<ServiceEntry>>,
}

/// All enabled routes. The most specific one wins: one that names the host before one for any
/// host, then the longest path, then one that names the method before one for any method. A route
/// whose method does not fit is passed over as if it were not there.
#[derive(Debug, Default)]
pub struct RouteIndex {
    by_host: HashMap<Box<str>, Paths>,
    any_host: Paths,
    /// Nobody defined a route: the usual case, and one look-up less.
    is_empty: bool,
}

#[derive(Debug, Default)]
struct Paths {
    by_path: HashMap<Box<str>, Vec<Entry>>,
}

#[derive(Clone, Debug)]
struct Entry {
    methods: Vec<Method>,
    target: RouteMatch,
}

/// What a look-up found.
#[derive(Debug)]
pub enum Found<'a> {
    /// A route.
    Match(&'a RouteMatch),
    /// Only routes for other methods.
    OtherMethods(Vec<Method>),
    /// Nothing.
    Nothing,
}

impl RouteIndex {
    /// Indexes the enabled ones. `service` finds where a route leads.
    pub fn new<'a>(
        routes: impl Iterator<Item = &'a Arc<Route>>,
        service: impl Fn(&str) -> Option<Arc<ServiceEntry>>,
    ) -> Self {
        // By identifier, so that of two routes that say the same the older one wins everywhere.
        let mut enabled: Vec<&Arc<Route>> = routes.filter(|route| route.is_enabled).collect();
        enabled.sort_by_key(|route| route.id);
        let mut index = Self {
            is_empty: enabled.is_empty(),
            ..Self::default()
        };
        for route in enabled {
            let methods = route
                .methods
                .iter()
                .filter_map(|method| method.parse().ok())
                .collect();
            let entry = Entry {
                methods,
                target: RouteMatch {
                    rule: Arc::new(Rule::of_route(route)),
                    service: service(route.service.as_str()),
                },
            };
            let path = route.path.trim_end_matches('/');
            if route.hosts.is_empty() {
                index.any_host.add(path, entry);
            } else {
                for host in &route.hosts {
                    let paths = index.by_host.entry(host.as_str().into()).or_default();
                    paths.add(path, entry.clone());
                }
            }
        }
        index
    }

    /// Finds the route for a host (lower case, without port), a checked and decoded path and a
    /// method.
    pub fn find(&self, host: Option<&str>, path: &str, method: &Method) -> Found<'_> {
        if self.is_empty {
            return Found::Nothing;
        }
        let mut others = Vec::new();
        let named = host.and_then(|host| self.by_host.get(host));
        for paths in named.into_iter().chain([&self.any_host]) {
            if let Some(found) = paths.find(path, method, &mut others) {
                return Found::Match(found);
            }
        }
        if others.is_empty() {
            Found::Nothing
        } else {
            others.sort_by(|a, b| a.as_str().cmp(b.as_str()));
            others.dedup();
            Found::OtherMethods(others)
        }
    }
}

impl Paths {
    fn add(&mut self, path: &str, entry: Entry) {
        let entries = self.by_path.entry(path.into()).or_default();
        // Those that name methods first; otherwise in the order of adding.
        let at = if entry.methods.is_empty() {
            entries.len()
        } else {
            entries.iter().take_while(|e| !e.methods.is_empty()).count()
        };
        entries.insert(at, entry);
    }

    fn find(&self, path: &str, method: &Method, others: &mut Vec<Method>) -> Option<&RouteMatch> {
        if self.by_path.is_empty() {
            return None;
        }
        let mut prefix = path.trim_end_matches('/');
        loop {
            for entry in self.by_path.get(prefix).into_iter().flatten() {
                if entry.methods.is_empty() || entry.methods.contains(method) {
                    return Some(&entry.target);
                }
                others.extend_from_slice(&entry.methods);
            }
            prefix = prefix.get(..prefix.rfind('/')?)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use saas_domain::{Clock, Random, RouteId};
    use saas_registry_client::wire::Access;

    fn route(path: &str, hosts: &[&str], methods: &[&str]) -> Arc<Route> {
        Arc::new(Route {
            id: RouteId::generate(&Clock::system(), &Random::os()),
            hosts: hosts.iter().map(ToString::to_string).collect(),
            path: path.into(),
            methods: methods.iter().map(ToString::to_string).collect(),
            service: "orders".parse().unwrap(),
            strip_path: true,
            access: Access::Authenticated,
            required_permission: None,
            strict: false,
            forward_token: false,
            is_enabled: true,
        })
    }

    fn found(index: &RouteIndex, host: &str, path: &str, method: &str) -> String {
        match index.find(Some(host), path, &method.parse().unwrap()) {
            Found::Match(found) => found.rule.endpoint.to_string(),
            Found::OtherMethods(methods) => format!("{methods:?}"),
            Found::Nothing => "nothing".into(),
        }
    }

    #[test]
    fn the_most_specific_route_wins() {
        let mut disabled = (*route("/off", &[], &[])).clone();
        disabled.is_enabled = false;
        let routes = [
            route("/", &["shop.example"], &[]),
            route("/shop", &[], &[]),
            route("/shop/cart/", &[], &["GET", "POST"]),
            route("/only", &[], &["PUT"]),
            Arc::new(disabled),
        ];
        let index = RouteIndex::new(routes.iter(), |_| None);
        for (host, path, method, expected) in [
            ("a", "/shop", "GET", "/shop/*"),
            ("a", "/shop/1", "GET", "/shop/*"),
            ("a", "/shops", "GET", "nothing"),
            ("a", "/shop/cart", "GET", "/shop/cart/*"),
            ("a", "/shop/cart/7/", "POST", "/shop/cart/*"),
            ("a", "/shop/cart", "DELETE", "/shop/*"),
            ("a", "/", "GET", "nothing"),
            ("a", "/off", "GET", "nothing"),
            ("a", "/only/x", "GET", "[PUT]"),
            ("shop.example", "/shop", "GET", "/*"),
            ("shop.example", "/", "GET", "/*"),
        ] {
            assert_eq!(found(&index, host, path, method), expected, "{host}{path}");
        }
        let rule_of = |path: &str| match index.find(None, path, &Method::GET) {
            Found::Match(found) => found.rule.strip_segments,
            other => panic!("{other:?}"),
        };
        assert_eq!(rule_of("/shop/cart"), 2);
        assert!(matches!(
            RouteIndex::new([].iter(), |_| None).find(None, "/x", &Method::GET),
            Found::Nothing
        ));
    }
}
