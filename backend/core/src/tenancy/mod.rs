//! Tenants and who belongs to them.

pub(crate) mod member_routes;
pub(crate) mod members;
pub(crate) mod model;
pub(crate) mod routes;
pub(crate) mod service;
