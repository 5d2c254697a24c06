//! Host names of instances, looked up off the threads that serve requests.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    future::pending,
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use saas_config::Networks;
use saas_registry_client::RoutingTable;
use tokio::{net::lookup_host, task::JoinSet, time::timeout};

const PATIENCE: Duration = Duration::from_secs(5);

/// What is known of names.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    known: HashMap<String, Vec<IpAddr>>,
    asked: HashSet<String>,
    answers: JoinSet<(String, io::Result<Vec<IpAddr>>)>,
    /// Names that were not found when they were asked for last.
    missing: HashSet<String>,
}

/// The addresses of instances that may not be connected to, with the names they were found by.
pub(super) type Refused = BTreeSet<(String, IpAddr)>;

impl Resolver {
    /// The addresses that may be connected to; none while a name is not known, or where nothing may
    /// be. Those that may not are added to `refused`.
    pub(super) fn permitted(
        &self,
        address: &str,
        port: u16,
        networks: &Networks,
        refused: &mut Refused,
    ) -> Vec<SocketAddr> {
        let literal = literal(address);
        let found = match &literal {
            Some(literal) => std::slice::from_ref(literal),
            None => self.known.get(address).map_or(&[][..], Vec::as_slice),
        };
        found
            .iter()
            .filter(|ip| {
                let is_permitted = networks.permit_upstream(**ip);
                if !is_permitted {
                    refused.insert((address.to_owned(), **ip));
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
        self.missing.retain(|name| names.contains(name));
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
            let looked_up = looked_up.unwrap_or_else(|late| Err(io::Error::from(late)));
            let found = looked_up.map(|found| found.map(|address| address.ip()).collect());
            (name, found)
        });
    }

    /// Waits for the next answer: whether it is another one than before. A name that is not found
    /// any more keeps its addresses: name servers fail more often than instances move.
    pub(super) async fn next(&mut self) -> bool {
        match self.answers.join_next().await {
            Some(Ok((name, found))) => {
                self.asked.remove(&name);
                let mut found = match found {
                    Ok(found) => found,
                    Err(error) => {
                        // It is asked for again and again; that it is missing is told once.
                        if self.missing.insert(name.clone()) {
                            tracing::warn!(name, %error, "an instance's host name was not found");
                        }
                        return false;
                    }
                };
                self.missing.remove(&name);
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

/// Tells of the refused addresses that were not refused before: tables are made anew with every change
/// of any service, and each would repeat all of them.
pub(super) fn tell_new(refused: &Refused, before: &Refused) {
    for (address, ip) in refused.difference(before) {
        tracing::warn!(
            address,
            %ip,
            "an instance lies outside UPSTREAM_NETWORKS, or where no instance may; it gets no requests"
        );
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
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use tracing::{Event, Metadata, Subscriber, span};

    use super::*;

    /// Counts what is logged.
    #[derive(Default)]
    struct Count(Arc<AtomicUsize>);

    impl Subscriber for Count {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }
        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
        fn event(&self, _: &Event<'_>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
        fn enter(&self, _: &span::Id) {}
        fn exit(&self, _: &span::Id) {}
    }

    #[test]
    fn a_refused_address_is_told_once_until_it_changes() {
        let count = Count::default();
        let lines = Arc::clone(&count.0);
        let refused = |ips: &[&str]| -> Refused {
            let pairs = ips
                .iter()
                .map(|ip| ("orders.test".to_owned(), ip.parse().unwrap()));
            pairs.collect()
        };
        let outside = ["192.0.2.1", "192.0.2.2"];
        let (one, both) = (refused(&outside[..1]), refused(&outside));
        tracing::subscriber::with_default(count, || {
            for (now, before, told) in [
                (&one, &Refused::new(), 1),
                (&one, &one, 1),
                (&both, &one, 2),
                (&Refused::new(), &both, 2),
                (&one, &Refused::new(), 3),
            ] {
                tell_new(now, before);
                assert_eq!(lines.load(Ordering::SeqCst), told);
            }
        });
    }

    fn networks(texts: &[&str]) -> Networks {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn only_addresses_within_the_networks_are_permitted() {
        let resolver = Resolver::default();
        let networks = networks(&["10.0.0.0/8", "169.254.0.0/16", "::1"]);
        let mut refused = Refused::new();
        let mut permitted = |address| {
            let found = resolver.permitted(address, 80, &networks, &mut refused);
            found.len()
        };
        assert_eq!(permitted("10.1.2.3"), 1);
        assert_eq!(permitted("::1"), 1);
        assert_eq!(permitted("[::1]"), 1);
        assert_eq!(permitted("192.0.2.1"), 0);
        assert_eq!(permitted("169.254.169.254"), 0);
        assert_eq!(permitted("unknown.example"), 0);
        let refused: Vec<_> = refused
            .iter()
            .map(|(address, _)| address.as_str())
            .collect();
        assert_eq!(refused, ["169.254.169.254", "192.0.2.1"]);
    }
}
