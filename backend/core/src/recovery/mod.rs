//! Backups and drills, as operators see them. Who makes them is another program; here is told what
//! became of them.

pub(crate) mod model;
pub(crate) mod routes;
pub(crate) mod service;
