//! The use cases, one transaction each.

pub(crate) mod login;
pub(crate) mod me;
pub(crate) mod password;
pub(crate) mod refresh;
pub(crate) mod sessions;
pub(crate) mod sign_up;
pub(crate) mod switch_tenant;
