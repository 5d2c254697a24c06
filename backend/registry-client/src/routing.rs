//! The routing table: services, instances and routes, as the registry's stream tells them.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};
use saas_domain::{RouteId, ServiceName};

use crate::{
    follower::Table,
    wire::{InstanceStatus, Route, RoutingEvent, RoutingSnapshot, Service},
};

/// Services and routes by their keys. Cloning copies two maps of pointers, so that one change
/// costs little beside the table's size.
#[derive(Clone, Debug, Default)]
pub struct RoutingTable {
    services: HashMap<ServiceName, Arc<Service>>,
    routes: HashMap<RouteId, Arc<Route>>,
}

impl RoutingTable {
    /// A service by name.
    pub fn service(&self, name: &str) -> Option<&Arc<Service>> {
        self.services.get(name)
    }

    /// All services, in no order.
    pub fn services(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.services.values()
    }

    /// All routes, in no order, disabled ones included.
    pub fn routes(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.routes.values()
    }

    /// `http://address:port` of each instance of the service that is up.
    pub fn base_urls(&self, service: &str) -> Vec<String> {
        self.service(service).map_or_else(Vec::new, |service| {
            service
                .instances
                .iter()
                .filter(|instance| instance.status == InstanceStatus::Up)
                .map(|instance| {
                    // A literal IPv6 address needs brackets in a URL (RFC 3986, section 3.2.2).
                    if instance.address.contains(':') {
                        format!("http://[{}]:{}", instance.address, instance.port)
                    } else {
                        format!("http://{}:{}", instance.address, instance.port)
                    }
                })
                .collect()
        })
    }
}

impl Table for RoutingTable {
    type Event = RoutingEvent;
    type Snapshot = RoutingSnapshot;

    const NAME: &'static str = "routing";

    fn apply(&mut self, event: RoutingEvent, _now: DateTime<Utc>) {
        match event {
            RoutingEvent::Snapshot(snapshot) => {
                self.services = snapshot
                    .services
                    .into_iter()
                    .map(|service| (service.name.clone(), Arc::new(service)))
                    .collect();
                self.routes = snapshot
                    .routes
                    .into_iter()
                    .map(|route| (route.id, Arc::new(route)))
                    .collect();
            }
            RoutingEvent::Service(service) => {
                self.services
                    .insert(service.name.clone(), Arc::new(service));
            }
            RoutingEvent::ServiceRemoved(gone) => {
                self.services.remove(&gone.name);
            }
            RoutingEvent::Route(route) => {
                self.routes.insert(route.id, Arc::new(route));
            }
            RoutingEvent::RouteRemoved(gone) => {
                self.routes.remove(&gone.id);
            }
        }
    }

    fn snapshot(&self) -> RoutingSnapshot {
        RoutingSnapshot {
            services: self.services.values().map(|s| (**s).clone()).collect(),
            routes: self.routes.values().map(|r| (**r).clone()).collect(),
        }
    }

    fn snapshot_event(snapshot: RoutingSnapshot) -> RoutingEvent {
        RoutingEvent::Snapshot(snapshot)
    }
}
