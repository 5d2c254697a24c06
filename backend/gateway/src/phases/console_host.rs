//! Where a browser takes what a service answers for the console's own.
//!
//! A page belongs to the origin that it came from. One that a business service sends from the
//! console's origin could read what the console keeps there and use its session, so it is told to
//! the browser as a page without an origin.

use super::sanity::normalise;
use crate::table::Rule;

/// The host at which people use the console.
#[derive(Clone, Debug)]
pub struct ConsoleHost {
    host: Box<str>,
    /// Whether the API is at the same host. The names by which a request reaches it are then the
    /// console's as well, whatever a proxy in front makes of them.
    has_api: bool,
    /// Whether it is this machine's under any of its names, which core takes for one in development.
    is_local: bool,
}

impl ConsoleHost {
    /// From the origins of console and API.
    pub fn new(console: &str, api: &str, is_production: bool) -> Self {
        let host = host_of(console);
        Self {
            has_api: host == host_of(api),
            is_local: !is_production && is_local(&host),
            host,
        }
    }

    /// Whether an answer to a request for this host lies at the console's origin. Ports do not count:
    /// some proxies leave them out, and cookies know none. A route may name hosts of its own, which
    /// are then other origins.
    pub(super) fn has(&self, host: Option<&str>, rule: &Rule) -> bool {
        let is_the_one = |host: &str| host == &*self.host || (self.is_local && is_local(host));
        host.is_none_or(is_the_one) || (self.has_api && !rule.names_hosts)
    }
}

fn host_of(origin: &str) -> Box<str> {
    let host = origin.split_once("://").map_or(origin, |(_, host)| host);
    normalise(host).into()
}

fn is_local(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}
