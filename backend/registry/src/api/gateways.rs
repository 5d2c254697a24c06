//! What gateways tell, so that a drain knows when nothing is in flight and an operator where they are.

use std::time::Duration;

pub(super) mod leave;
pub(super) mod list;
pub(super) mod report;

/// How long a gateway whose lease ended may still be forwarding, cut off from the registry.
pub(super) const LOST: Duration = Duration::from_mins(10);
