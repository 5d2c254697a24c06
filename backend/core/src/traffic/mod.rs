//! What gateways count, for the charts of the console.

pub(crate) mod model;
pub(crate) mod routes;
pub(crate) mod service;
