//! The platform's words: identifiers, names, clock, randomness, permissions and token claims.
//!
//! Everything here is pure. Nothing opens a socket or a file, and nothing is async, so any other
//! crate may depend on this one without taking on more than it asked for.

mod claims;
mod clock;
mod event_id;
mod id;
mod name;
mod permission;
mod random;

pub use claims::{ACCESS_AUDIENCE, AccessClaims};
pub use clock::Clock;
pub use event_id::{EventId, EventIdError};
pub use id::{
    AuditEventId, IdError, InvitationId, MembershipId, RouteId, SessionId, TenantId, UserId,
};
pub use name::{EmailAddress, InstanceId, NameError, RESERVED_SERVICES, ServiceName, Slug};
pub use permission::{OPERATOR_ROLE, Permission, Role, UnknownPermission, UnknownRole};
pub use random::Random;
