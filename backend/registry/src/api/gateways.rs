//! `/internal/v1/gateways`: what gateways tell, so that a drain knows when nothing is in flight.

pub(super) mod leave;
pub(super) mod report;
