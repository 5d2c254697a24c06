//! One state of everything the registry knows.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use saas_domain::{InstanceId, RouteId, ServiceName};
use saas_registry_client::wire;
use saas_storage::ChangePosition;
use saas_storage::registry::{InstanceRecord, InstanceState, RouteRecord, ServiceRecord};
use saas_web::{EventId, Frame};

use super::Subject;

/// Everything, as of one change. Cloning copies maps of pointers.
#[derive(Clone)]
pub(crate) struct Table {
    pub(super) position: ChangePosition,
    pub(super) services: BTreeMap<ServiceName, Arc<Entry>>,
    pub(super) routes: BTreeMap<RouteId, Arc<RouteRecord>>,
    snapshot: OnceLock<Frame>,
}

/// A service with its instances.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) service: ServiceRecord,
    /// In the order of their identifiers.
    pub(crate) instances: Vec<InstanceRecord>,
}

impl Table {
    pub(super) fn new(
        position: ChangePosition,
        services: Vec<ServiceRecord>,
        instances: Vec<InstanceRecord>,
        routes: Vec<RouteRecord>,
    ) -> Self {
        let routes = routes.into_iter().map(|route| (route.id, Arc::new(route)));
        Self {
            position,
            services: join(services, instances)
                .map(|entry| (entry.service.name.clone(), Arc::new(entry)))
                .collect(),
            routes: routes.collect(),
            snapshot: OnceLock::new(),
        }
    }

    /// The same table, one or more changes later: what was re-read of the named things replaces
    /// what was known of them.
    pub(super) fn after(&self, number: i64, changed: &[(i64, Subject)], reread: Table) -> Self {
        let mut next = Self {
            position: ChangePosition {
                number,
                ..self.position
            },
            services: self.services.clone(),
            routes: self.routes.clone(),
            snapshot: OnceLock::new(),
        };
        for (_, subject) in changed {
            match subject {
                Subject::Service(name) => drop(next.services.remove(name)),
                Subject::Route(id) => drop(next.routes.remove(id)),
            }
        }
        next.services.extend(reread.services);
        next.routes.extend(reread.routes);
        next
    }

    /// The change it is as of.
    pub(crate) fn position(&self) -> ChangePosition {
        self.position
    }

    pub(crate) fn service(&self, name: &str) -> Option<&Arc<Entry>> {
        self.services.get(name)
    }

    /// Every service, in the order of names.
    pub(crate) fn services(&self) -> impl DoubleEndedIterator<Item = &Arc<Entry>> {
        self.services.values()
    }

    pub(crate) fn route(&self, id: RouteId) -> Option<&Arc<RouteRecord>> {
        self.routes.get(&id)
    }

    /// Every route, in the order of identifiers: oldest first.
    pub(crate) fn routes(&self) -> impl DoubleEndedIterator<Item = &Arc<RouteRecord>> {
        self.routes.values()
    }

    /// `http://address:port` of each instance of the service that is up.
    pub(crate) fn base_urls(&self, service: &str) -> Vec<String> {
        let entry = self.service(service);
        let instances = entry.into_iter().flat_map(|entry| &entry.instances);
        instances
            .filter(|instance| status(instance) == wire::InstanceStatus::Up)
            .map(|instance| format!("http://{}", authority(instance)))
            .collect()
    }

    /// The whole table as one event, encoded once for every reader.
    pub(crate) fn snapshot(&self) -> Result<Frame, serde_json::Error> {
        if let Some(frame) = self.snapshot.get() {
            return Ok(frame.clone());
        }
        let snapshot = wire::RoutingSnapshot {
            services: self.services.values().map(|entry| entry.wire()).collect(),
            routes: self
                .routes
                .values()
                .map(|route| route_wire(route))
                .collect(),
        };
        let frame = Frame::encode("snapshot", self.event_id(self.position.number), &snapshot)?;
        Ok(self.snapshot.get_or_init(|| frame).clone())
    }

    /// One change as an event: the thing as it is in this table, or that it is gone.
    pub(crate) fn event(&self, number: i64, subject: &Subject) -> Result<Frame, serde_json::Error> {
        let id = self.event_id(number);
        match subject {
            Subject::Service(name) => {
                if let Some(entry) = self.services.get(name) {
                    return Frame::encode("service", id, &entry.wire());
                }
                let name = name.clone();
                Frame::encode("service_removed", id, &wire::ServiceRemoved { name })
            }
            Subject::Route(route) => {
                if let Some(route) = self.routes.get(route) {
                    return Frame::encode("route", id, &route_wire(route));
                }
                Frame::encode("route_removed", id, &wire::RouteRemoved { id: *route })
            }
        }
    }

    fn event_id(&self, number: i64) -> EventId {
        EventId {
            epoch: self.position.epoch,
            number,
        }
    }
}

/// Sorts instances to their services.
fn join(
    services: Vec<ServiceRecord>,
    instances: Vec<InstanceRecord>,
) -> impl Iterator<Item = Entry> {
    let mut by_service: BTreeMap<ServiceName, BTreeMap<InstanceId, InstanceRecord>> =
        BTreeMap::new();
    for instance in instances {
        by_service
            .entry(instance.key.service.clone())
            .or_default()
            .insert(instance.key.id.clone(), instance);
    }
    services.into_iter().map(move |service| Entry {
        instances: by_service
            .remove(&service.name)
            .unwrap_or_default()
            .into_values()
            .collect(),
        service,
    })
}

impl Entry {
    pub(crate) fn instance(&self, id: &str) -> Option<&InstanceRecord> {
        self.instances.iter().find(|i| i.key.id.as_str() == id)
    }

    /// What the gateway should know of it: what its instances declare, or what the last of them
    /// declared when there is none at the moment. Otherwise the sign-in of a core that restarts
    /// would ask for a token.
    pub(crate) fn gateway(&self) -> wire::GatewayHints {
        if self.instances.is_empty() {
            return hints(&self.service.gateway);
        }
        let declared = self
            .instances
            .iter()
            .flat_map(|i| hints(&i.gateway).public_paths);
        let mut public_paths: Vec<String> = declared.collect();
        public_paths.sort_unstable();
        public_paths.dedup();
        wire::GatewayHints { public_paths }
    }

    fn wire(&self) -> wire::Service {
        wire::Service {
            name: self.service.name.clone(),
            is_active: self.service.is_active,
            gateway: self.gateway(),
            instances: self.instances.iter().map(instance_wire).collect(),
        }
    }
}

/// What is stored was checked when it came in; what a newer replica stored is passed over.
fn hints(stored: &serde_json::Value) -> wire::GatewayHints {
    serde_json::from_value(stored.clone()).unwrap_or_default()
}

/// How an instance is doing: what is wanted of it and what its check says, in one word.
pub(crate) fn status(instance: &InstanceRecord) -> wire::InstanceStatus {
    match instance.state {
        InstanceState::Draining => wire::InstanceStatus::Draining,
        InstanceState::Down => wire::InstanceStatus::Down,
        InstanceState::Up if instance.check.is_some() && instance.check_passing != Some(true) => {
            wire::InstanceStatus::Down
        }
        InstanceState::Up => wire::InstanceStatus::Up,
    }
}

/// `host:port`, with brackets around an IPv6 address (RFC 3986, section 3.2.2).
pub(crate) fn authority(instance: &InstanceRecord) -> String {
    if instance.address.contains(':') {
        format!("[{}]:{}", instance.address, instance.port)
    } else {
        format!("{}:{}", instance.address, instance.port)
    }
}

fn instance_wire(instance: &InstanceRecord) -> wire::Instance {
    wire::Instance {
        id: instance.key.id.clone(),
        address: instance.address.clone(),
        port: instance.port,
        scheme: wire::Scheme::Http,
        version: instance.version.clone(),
        zone: instance.zone.clone(),
        weight: instance.weight,
        status: status(instance),
    }
}

fn route_wire(route: &RouteRecord) -> wire::Route {
    wire::Route {
        id: route.id,
        hosts: route.hosts.clone(),
        path: route.path.clone(),
        methods: route.methods.clone(),
        service: route.service.clone(),
        strip_path: route.strip_path,
        // Anything unknown is closed rather than opened.
        access: match route.access.as_str() {
            "public" => wire::Access::Public,
            _ => wire::Access::Authenticated,
        },
        required_permission: route.required_permission.clone(),
        strict: route.strict,
        forward_token: route.forward_token,
        is_enabled: route.is_enabled,
    }
}
