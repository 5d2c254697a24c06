//! What a change in the log is about.

use std::{fmt, str::FromStr};

use saas_domain::{SessionId, TenantId, UserId};

/// What a change is about. Its text form stands in the change log and marks cached reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// The signing keys.
    Keys,
    /// A session, which has ended.
    Session(SessionId),
    /// A person's tokens of one tenant, or all of them, which tell an old story.
    Stale(UserId, Option<TenantId>),
    /// A tenant.
    Tenant(TenantId),
    /// A person, or where they belong. Only cached reads care.
    User(UserId),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keys => f.write_str("keys"),
            Self::Session(id) => write!(f, "session:{id}"),
            Self::Stale(user, Some(tenant)) => write!(f, "stale:{user}:{tenant}"),
            Self::Stale(user, None) => write!(f, "stale:{user}"),
            Self::Tenant(id) => write!(f, "tenant:{id}"),
            Self::User(id) => write!(f, "user:{id}"),
        }
    }
}

/// A newer core wrote a subject that this one does not know; it does not concern this one.
#[derive(Debug)]
pub(crate) struct UnknownSubject;

impl FromStr for Subject {
    type Err = UnknownSubject;

    fn from_str(text: &str) -> Result<Self, UnknownSubject> {
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        let unknown = |_| UnknownSubject;
        match kind {
            "keys" => Ok(Self::Keys),
            "session" => Ok(Self::Session(rest.parse().map_err(unknown)?)),
            "tenant" => Ok(Self::Tenant(rest.parse().map_err(unknown)?)),
            "user" => Ok(Self::User(rest.parse().map_err(unknown)?)),
            "stale" => {
                let (user, tenant) = match rest.split_once(':') {
                    Some((user, tenant)) => (user, Some(tenant.parse().map_err(unknown)?)),
                    None => (rest, None),
                };
                Ok(Self::Stale(user.parse().map_err(unknown)?, tenant))
            }
            _ => Err(UnknownSubject),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use saas_domain::{Clock, Random};

    #[test]
    fn every_subject_survives_its_text_form() {
        let (clock, random) = (Clock::system(), Random::seeded(1));
        let user = UserId::generate(&clock, &random);
        let tenant = TenantId::generate(&clock, &random);
        for subject in [
            Subject::Keys,
            Subject::Session(SessionId::generate(&clock, &random)),
            Subject::Stale(user, Some(tenant)),
            Subject::Stale(user, None),
            Subject::Tenant(tenant),
            Subject::User(user),
        ] {
            assert_eq!(subject.to_string().parse::<Subject>().unwrap(), subject);
        }
        assert!("plan:x".parse::<Subject>().is_err());
        assert!("session:x".parse::<Subject>().is_err());
    }
}
