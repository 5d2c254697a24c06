//! What the gateway knows of services and routes, in the form that requests need: immutable, and
//! replaced whole by a pointer swap.

mod build;
mod instance;
mod public_paths;
mod routes;
mod rule;

use std::{collections::HashMap, sync::Arc};

use saas_domain::ServiceName;

pub use build::{StateBook, TableInput, build};
pub use instance::{InFlight, Instance, InstanceState, ServiceRecord};
pub use public_paths::PublicPaths;
pub use routes::{Found, RouteIndex};
pub use rule::{FixedRules, Rule};

/// Services and routes at one moment.
#[derive(Debug)]
pub struct GatewayTable {
    pub(crate) services: HashMap<ServiceName, Arc<ServiceEntry>>,
    /// Routes that people defined.
    pub routes: RouteIndex,
    /// What every gateway has.
    pub fixed: Arc<FixedRules>,
}

impl GatewayTable {
    /// A table that knows nothing, until the first one is built.
    pub fn empty(fixed: Arc<FixedRules>) -> Self {
        Self {
            services: HashMap::new(),
            routes: RouteIndex::default(),
            fixed,
        }
    }

    /// A service by name.
    pub fn service(&self, name: &str) -> Option<&Arc<ServiceEntry>> {
        self.services.get(name)
    }

    /// All services, in no order.
    pub fn services(&self) -> impl Iterator<Item = &Arc<ServiceEntry>> {
        self.services.values()
    }
}

/// Which rules a service follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceKind {
    /// People, tenants and tokens: knows what to do with a restricted token.
    Core,
    /// Services and routes.
    Registry,
    /// The gateways themselves, to which nothing is forwarded.
    Gateway,
    /// Somebody's business.
    Business,
}

impl ServiceKind {
    /// The kind that a name stands for.
    pub fn of(name: &ServiceName) -> Self {
        match name.as_str() {
            "core" => Self::Core,
            "registry" => Self::Registry,
            "gateway" => Self::Gateway,
            _ => Self::Business,
        }
    }

    /// Whether it is one of the platform's own services that requests are forwarded to. They verify
    /// tokens themselves and need no tenant.
    pub const fn is_platform(self) -> bool {
        matches!(self, Self::Core | Self::Registry)
    }
}

/// A service as requests see it.
#[derive(Debug)]
pub struct ServiceEntry {
    /// Its name.
    pub name: ServiceName,
    /// Which rules it follows.
    pub kind: ServiceKind,
    /// False: an operator took it out.
    pub is_active: bool,
    /// Paths, as the service sees them, that need no token.
    pub public_paths: PublicPaths,
    /// The instances that may get requests: up, with a weight, at a permitted address.
    pub instances: Vec<Arc<Instance>>,
    /// What outlives this table.
    pub record: Arc<ServiceRecord>,
}
