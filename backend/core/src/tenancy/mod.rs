//! Tenants, who belongs to them and who is invited.

pub(crate) mod invitation_routes;
pub(crate) mod invitations;
pub(crate) mod member_routes;
pub(crate) mod members;
pub(crate) mod model;
pub(crate) mod restored;
pub(crate) mod routes;
pub(crate) mod service;
