//! Makes the requests' table from the registry's. Runs on the control plane.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::Arc,
};

use http::HeaderValue;
use saas_domain::{InstanceId, ServiceName};
use saas_registry_client::{
    RoutingTable,
    wire::{self, InstanceStatus},
};

use super::{
    FixedRules, GatewayTable, Instance, InstanceState, PublicPaths, RouteIndex, ServiceEntry,
    ServiceKind, ServiceRecord,
};

/// What outlives a table: counters of instances and services.
#[derive(Debug, Default)]
pub struct StateBook {
    instances: HashMap<InstanceKey, Arc<InstanceState>>,
    services: HashMap<ServiceName, Arc<ServiceRecord>>,
    next_key: u64,
}

type InstanceKey = (ServiceName, InstanceId, String, u16);

/// From what a table is made.
pub struct TableInput<'a> {
    /// What the registry said.
    pub routing: &'a RoutingTable,
    /// The permitted addresses of an instance's address and port; empty while they are not known.
    pub resolve: &'a dyn Fn(&str, u16) -> Vec<SocketAddr>,
    /// Milliseconds of the gateway's life.
    pub now_ms: u64,
}

/// Makes a table and forgets the counters of what is gone.
pub fn build(
    input: &TableInput<'_>,
    book: &mut StateBook,
    fixed: &Arc<FixedRules>,
) -> GatewayTable {
    let services: HashMap<ServiceName, Arc<ServiceEntry>> = input
        .routing
        .services()
        .map(|service| {
            let entry = Arc::new(book.entry(service, input));
            (service.name.clone(), entry)
        })
        .collect();
    book.forget_instances(input.routing);
    let routes = RouteIndex::new(input.routing.routes(), |name| services.get(name).cloned());
    GatewayTable {
        services,
        routes,
        fixed: Arc::clone(fixed),
    }
}

impl StateBook {
    fn entry(&mut self, service: &wire::Service, input: &TableInput<'_>) -> ServiceEntry {
        let record = Arc::clone(self.services.entry(service.name.clone()).or_default());
        let mut instances = Vec::new();
        for instance in &service.instances {
            // Whatever its status, its counter is kept: what drains is still reported.
            let state = self.state(&service.name, instance);
            let addresses = (input.resolve)(&instance.address, instance.port);
            let gets_requests = instance.status == InstanceStatus::Up && instance.weight > 0;
            if !gets_requests || addresses.is_empty() {
                continue;
            }
            let Some(authority) = authority(&instance.address, instance.port) else {
                continue;
            };
            instances.push(Arc::new(Instance {
                id: instance.id.clone(),
                addresses,
                authority,
                weight: u32::from(instance.weight),
                state,
            }));
        }
        record.note(!instances.is_empty(), input.now_ms);
        ServiceEntry {
            name: service.name.clone(),
            kind: ServiceKind::of(&service.name),
            is_active: service.is_active,
            public_paths: PublicPaths::new(&service.gateway.public_paths),
            instances,
            record,
        }
    }

    fn state(&mut self, service: &ServiceName, instance: &wire::Instance) -> Arc<InstanceState> {
        let key = (
            service.clone(),
            instance.id.clone(),
            instance.address.clone(),
            instance.port,
        );
        let next_key = &mut self.next_key;
        let state = self.instances.entry(key).or_insert_with(|| {
            *next_key += 1;
            Arc::new(InstanceState::new(*next_key))
        });
        Arc::clone(state)
    }

    fn forget_instances(&mut self, routing: &RoutingTable) {
        self.instances
            .retain(|(service, id, address, port), state| {
                let is_known = routing.service(service.as_str()).is_some_and(|service| {
                    service.instances.iter().any(|instance| {
                        instance.id == *id && instance.address == *address && instance.port == *port
                    })
                });
                is_known || state.in_flight() > 0
            });
    }

    /// Forgets the records of services that are gone. To be called when their figures were read.
    pub fn forget_services(&mut self, routing: &RoutingTable) {
        self.services
            .retain(|name, _| routing.service(name.as_str()).is_some());
    }

    /// Requests under way, by `service/instance`, those of instances that are gone included.
    pub fn in_flight(&self) -> BTreeMap<String, u32> {
        let mut counts = BTreeMap::new();
        for ((service, id, ..), state) in &self.instances {
            let count = state.in_flight();
            if count > 0 {
                *counts.entry(format!("{service}/{id}")).or_insert(0) += count;
            }
        }
        counts
    }

    /// The records of all services, by name.
    pub fn records(&self) -> impl Iterator<Item = (&ServiceName, &Arc<ServiceRecord>)> {
        self.services.iter()
    }
}

/// `host:port` as a header's value; `None` for an address that cannot stand in one.
fn authority(address: &str, port: u16) -> Option<HeaderValue> {
    let text = if address.contains(':') {
        format!("[{address}]:{port}")
    } else {
        format!("{address}:{port}")
    };
    HeaderValue::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use saas_domain::Clock;
    use saas_registry_client::{
        Table as _,
        wire::{GatewayHints, RoutingEvent, RoutingSnapshot, Scheme},
    };

    fn instance(id: &str, status: InstanceStatus, weight: u16) -> wire::Instance {
        wire::Instance {
            id: id.parse().unwrap(),
            address: "10.0.0.1".into(),
            port: 80,
            scheme: Scheme::Http,
            version: None,
            zone: None,
            weight,
            status,
        }
    }

    fn routing(instances: Vec<wire::Instance>) -> RoutingTable {
        let mut table = RoutingTable::default();
        let services = vec![wire::Service {
            name: "orders".parse().unwrap(),
            is_active: true,
            gateway: GatewayHints::default(),
            instances,
        }];
        let snapshot = RoutingSnapshot {
            services,
            routes: Vec::new(),
        };
        table.apply(RoutingEvent::Snapshot(snapshot), Clock::system().now());
        table
    }

    fn make(routing: &RoutingTable, book: &mut StateBook, now_ms: u64) -> GatewayTable {
        let input = TableInput {
            routing,
            resolve: &|address, port| vec![SocketAddr::new(address.parse().unwrap(), port)],
            now_ms,
        };
        build(&input, book, &Arc::default())
    }

    #[test]
    fn only_instances_that_are_up_and_have_a_weight_get_requests() {
        let routing = routing(vec![
            instance("a", InstanceStatus::Up, 100),
            instance("b", InstanceStatus::Draining, 100),
            instance("c", InstanceStatus::Down, 100),
            instance("d", InstanceStatus::Up, 0),
        ]);
        let table = make(&routing, &mut StateBook::default(), 0);
        let service = table.service("orders").unwrap();
        let ids: Vec<_> = service.instances.iter().map(|i| i.id.as_str()).collect();
        assert_eq!(ids, ["a"]);
        assert_eq!(service.instances[0].authority, "10.0.0.1:80");
        assert_eq!(service.kind, ServiceKind::Business);
    }

    #[test]
    fn counters_outlive_tables_and_end_with_their_instance() {
        let mut book = StateBook::default();
        let up = routing(vec![instance("a", InstanceStatus::Up, 100)]);
        let first = make(&up, &mut book, 0);
        let state = Arc::clone(&first.service("orders").unwrap().instances[0].state);
        let under_way = state.enter();
        let gone = make(&routing(Vec::new()), &mut book, 5_000);
        assert_eq!(book.in_flight()["orders/a"], 1);
        let record = &gone.service("orders").unwrap().record;
        assert!(record.was_up(10_000, 30_000));
        let again = make(&up, &mut book, 6_000);
        assert_eq!(
            again.service("orders").unwrap().instances[0].state.key,
            state.key
        );
        drop(under_way);
        make(&routing(Vec::new()), &mut book, 7_000);
        assert!(book.in_flight().is_empty());
        let other = make(&up, &mut book, 8_000);
        assert_ne!(
            other.service("orders").unwrap().instances[0].state.key,
            state.key
        );
    }
}
