//! Services, leases, health checks, routes and the change stream.
//!
//! [`start`] gives a router and the tasks behind it. The hot state is in memory, the truth in the
//! database: any number of replicas over one PostgreSQL show the same, and one of them at a time
//! ends leases and checks health.

mod api;
mod app;
mod audit;
mod caller;
mod catalog;
mod checks;
mod gauges;
mod leader;
mod outage;
mod problem;
mod renewals;
mod repeat;
mod service;
mod upstream;

pub use service::{RegistryDeps, RegistryService, StartError, gateway_hints, start};

/// The description of every endpoint.
pub fn openapi() -> utoipa::openapi::OpenApi {
    api::description()
}
