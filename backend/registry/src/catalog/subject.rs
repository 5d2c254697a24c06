//! What a change in the log is about.

use std::{fmt, str::FromStr};

use saas_domain::{RouteId, ServiceName};

/// The thing that changed. What it is now, the tables tell.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    /// A service or any of its instances.
    Service(ServiceName),
    /// A route.
    Route(RouteId),
}

/// The text is no subject of this stream: a newer replica may have written it.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a subject of the registry's stream")]
pub(crate) struct UnknownSubject(String);

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(name) => write!(f, "service:{name}"),
            Self::Route(id) => write!(f, "route:{id}"),
        }
    }
}

impl FromStr for Subject {
    type Err = UnknownSubject;

    fn from_str(text: &str) -> Result<Self, UnknownSubject> {
        let unknown = || UnknownSubject(text.to_owned());
        let (kind, name) = text.split_once(':').ok_or_else(unknown)?;
        match kind {
            "service" => name.parse().map(Self::Service).map_err(|_| unknown()),
            "route" => name.parse().map(Self::Route).map_err(|_| unknown()),
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_survive_their_text_form() {
        let route: RouteId = "019a1b2c-3d4e-7f00-8000-000000000000".parse().unwrap();
        for subject in [
            Subject::Service("group.orders".parse().unwrap()),
            Subject::Route(route),
        ] {
            assert_eq!(subject.to_string().parse::<Subject>().unwrap(), subject);
        }
        assert!("plan:gold".parse::<Subject>().is_err());
    }
}
