//! Typed identifiers. Each is a UUIDv7 (RFC 9562), so that rows sort by the time they were made.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Clock, Random};

/// The text was not a UUID in its hyphenated form.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{given}` is not a valid identifier; expected a UUID such as 019a1b2c-3d4e-7f00-8000-000000000000"
)]
pub struct IdError {
    given: String,
    #[source]
    source: uuid::Error,
}

/// A UUIDv7 from the injected clock and randomness.
pub(crate) fn uuid_v7(clock: &Clock, random: &Random) -> Uuid {
    let millis = u64::try_from(clock.now().timestamp_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random.bytes()).into_uuid()
}

macro_rules! identifier {
    ($(#[doc = $doc:literal] $name:ident;)+) => {$(
        #[doc = $doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new identifier that sorts after those made earlier.
            pub fn generate(clock: &Clock, random: &Random) -> Self {
                Self(uuid_v7(clock, random))
            }

            /// The identifier as the database keeps it.
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Uuid::try_parse(text).map(Self).map_err(|source| IdError {
                    given: text.chars().take(64).collect(),
                    source,
                })
            }
        }
    )+};
}

identifier! {
    /// A tenant: one customer of the product that runs on the platform.
    TenantId;
    /// A person, who may belong to several tenants or to none.
    UserId;
    /// One sign-in of a person, from login to logout.
    SessionId;
    /// That a person belongs to a tenant, with a role.
    MembershipId;
    /// That somebody with an account may join a tenant.
    InvitationId;
    /// A route that people defined.
    RouteId;
    /// An entry of the audit log.
    AuditEventId;
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Duration};

    #[test]
    fn identifiers_sort_by_time_and_survive_text() {
        let clock = Clock::manual(DateTime::UNIX_EPOCH + Duration::days(20_000));
        let random = Random::seeded(1);
        let first = TenantId::generate(&clock, &random);
        clock.advance(Duration::milliseconds(1));
        let second = TenantId::generate(&clock, &random);
        assert!(first < second);
        assert_eq!(first.to_string().parse::<TenantId>().unwrap(), first);
        assert_eq!(first.as_uuid().get_version_num(), 7);
    }

    #[test]
    fn nonsense_is_refused_with_what_was_given() {
        let error = "no-id".parse::<UserId>().unwrap_err();
        assert!(error.to_string().contains("no-id"));
    }
}
