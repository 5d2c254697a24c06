//! People: the operator's view. A person belongs to the platform, a membership to a tenant.

pub(crate) mod account;
pub(crate) mod model;
pub(crate) mod reset;
pub(crate) mod routes;
pub(crate) mod service;
