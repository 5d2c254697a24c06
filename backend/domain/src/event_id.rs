//! The place of an event in the change log.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The identifier of an event, `<epoch>-<number>`: the epoch of the installation and the number of
/// the change. A restored database begins a new epoch, so that nobody resumes into another history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventId {
    /// The installation's epoch.
    pub epoch: i64,
    /// The change's number, from 1; 0 is before the first.
    pub number: i64,
}

/// The text is not `<epoch>-<number>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event identifier is `<epoch>-<number>`, such as `1-42`")]
pub struct EventIdError;

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.number)
    }
}

impl FromStr for EventId {
    type Err = EventIdError;

    fn from_str(text: &str) -> Result<Self, EventIdError> {
        let digits = |text: &str| {
            let sound = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            sound
                .then(|| text.parse().ok())
                .flatten()
                .ok_or(EventIdError)
        };
        let (epoch, number) = text.split_once('-').ok_or(EventIdError)?;
        Ok(Self {
            epoch: digits(epoch)?,
            number: digits(number)?,
        })
    }
}

impl TryFrom<String> for EventId {
    type Error = EventIdError;

    fn try_from(text: String) -> Result<Self, EventIdError> {
        text.parse()
    }
}

impl From<EventId> for String {
    fn from(id: EventId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_survives_its_text_and_nonsense_is_refused() {
        let id = EventId {
            epoch: 2,
            number: 41,
        };
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["", "1", "1-", "-1", "1--1", "a-1", "1-1 ", "+1-1"] {
            assert_eq!(bad.parse::<EventId>(), Err(EventIdError), "{bad}");
        }
    }
}
