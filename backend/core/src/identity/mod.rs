//! Signing in and up, sessions and their tokens, the own account.

pub(crate) mod account_routes;
pub(crate) mod cookie;
pub(crate) mod limits;
pub(crate) mod model;
pub(crate) mod passwords;
pub(crate) mod routes;
pub(crate) mod service;
pub(crate) mod tokens;
