//! Host names of instances, looked up off the threads that serve requests.

use std::{
    collections::{HashMap, HashSet},
    future::pending,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use saas_config::Networks;
use saas_registry_client::RoutingTable;
use tokio::{net::lookup_host, task::JoinSet, time::timeout};

use crate::network::is_never_an_upstream;

const PATIENCE: Duration = Duration::from_secs(5);

/// What is known of names.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    known: HashMap<String, Vec<IpAddr>>,
    asked: HashSet<String>,
    answers: JoinSet<(String, Option<Vec<IpAddr>>)>,
}

impl Resolver {
    /// The addresses that may be connected to; none while a name is not known, or where nothing may
    /// be.
    pub(super) fn permitted(
        &self,
        address: &str,
        port: u16,
        networks: &Networks,
    ) -> Vec<SocketAddr> {
        let literal = literal(address);
        let found = match &literal {
            Some(literal) => std::slice::from_ref(literal),
            None => self.known.get(address).map_or(&[][..], Vec::as_slice),
        };
        found
            .iter()
            .filter(|ip| {
                let is_permitted = networks.contains(**ip) && !is_never_an_upstream(**ip);
                if !is_permitted {
                    tracing::warn!(address, %ip, "an instance lies outside UPSTREAM_NETWORKS; it gets no requests");
                }
                is_permitted
            })
            .map(|ip| SocketAddr::new(*ip, port))
            .collect()
    }

    /// Asks for the names that were never asked for, and forgets those that nobody has.
    pub(super) fn look_up_new(&mut self, routing: &RoutingTable) {
        let names = names(routing);
        self.known.retain(|name, _| names.contains(name));
        for name in names {
            if !self.known.contains_key(&name) {
                self.ask(name);
            }
        }
    }

    /// Asks for all names again.
    pub(super) fn look_up_all(&mut self, routing: &RoutingTable) {
        for name in names(routing) {
            self.ask(name);
        }
    }

    fn ask(&mut self, name: String) {
        if !self.asked.insert(name.clone()) {
            return;
        }
        self.answers.spawn(async move {
            let looked_up = timeout(PATIENCE, lookup_host((name.clone(), 0))).await;
            let found = match looked_up {
                Ok(Ok(found)) => Some(found.map(|address| address.ip()).collect()),
                Ok(Err(error)) => {
                    tracing::warn!(name, %error, "an instance's host name was not found");
                    None
                }
                Err(_) => None,
            };
            (name, found)
        });
    }

    /// Waits for the next answer: whether it is another one than before. A name that is not found
    /// any more keeps its addresses: name servers fail more often than instances move.
    pub(super) async fn next(&mut self) -> bool {
        match self.answers.join_next().await {
            Some(Ok((name, found))) => {
                self.asked.remove(&name);
                let Some(mut found) = found else {
                    return false;
                };
                found.sort_unstable();
                found.dedup();
                let is_other = self.known.get(&name) != Some(&found);
                self.known.insert(name, found);
                is_other
            }
            Some(Err(_)) => false,
            None => pending().await,
        }
    }
}

fn literal(address: &str) -> Option<IpAddr> {
    let plain = address.trim_start_matches('[').trim_end_matches(']');
    plain.parse().ok()
}

fn names(routing: &RoutingTable) -> HashSet<String> {
    routing
        .services()
        .flat_map(|service| &service.instances)
        .map(|instance| instance.address.as_str())
        .filter(|address| literal(address).is_none())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(texts: &[&str]) -> Networks {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn only_addresses_within_the_networks_are_permitted() {
        let resolver = Resolver::default();
        let networks = networks(&["10.0.0.0/8", "169.254.0.0/16", "::1"]);
        let permitted = |address| resolver.permitted(address, 80, &networks).len();
        assert_eq!(permitted("10.1.2.3"), 1);
        assert_eq!(permitted("::1"), 1);
        assert_eq!(permitted("[::1]"), 1);
        assert_eq!(permitted("192.0.2.1"), 0);
        assert_eq!(permitted("169.254.169.254"), 0);
        assert_eq!(permitted("unknown.example"), 0);
    }
}
