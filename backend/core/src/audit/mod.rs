//! The audit log: who did what, committed with what was done.

pub(crate) mod model;
pub(crate) mod routes;
pub(crate) mod service;
