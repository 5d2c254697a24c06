//! Who calls, and what they may do.

pub(crate) mod caller;
pub(crate) mod internal;
pub(crate) mod model;
pub(crate) mod origin;
pub(crate) mod routes;
