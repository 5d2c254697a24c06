//! When something is due.

use std::str::FromStr;

use chrono::{DateTime, SubsecRound as _, Utc};
use croner::parser::{CronParser, Seconds, Year};

/// A cron expression of five fields, in UTC.
///
/// ```
/// let nightly: saas_recovery::Cron = "0 2 * * *".parse().unwrap();
/// let noon = "2026-03-01T12:00:00Z".parse().unwrap();
/// assert_eq!(nightly.latest(noon).unwrap().to_rfc3339(), "2026-03-01T02:00:00+00:00");
/// assert_eq!(nightly.next(noon).unwrap().to_rfc3339(), "2026-03-02T02:00:00+00:00");
/// ```
#[derive(Clone, Debug)]
pub struct Cron(croner::Cron);

/// Why a text is no cron expression.
#[derive(Debug, thiserror::Error)]
pub enum CronTextError {
    /// It cannot be read.
    #[error("expected five fields such as `0 2 * * *` (minute, hour, day, month, weekday; UTC)")]
    Unreadable(#[source] croner::errors::CronError),
    /// There is no such day.
    #[error("expected a time that comes; a day such as 30 February never does")]
    Never,
}

impl Cron {
    /// The latest moment that is not after `now`.
    pub fn latest(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let now = now.trunc_subsecs(0);
        self.0.find_previous_occurrence(&now, true).ok()
    }

    /// The first moment after `now`.
    pub fn next(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let now = now.trunc_subsecs(0);
        self.0.find_next_occurrence(&now, false).ok()
    }
}

impl FromStr for Cron {
    type Err = CronTextError;

    fn from_str(text: &str) -> Result<Self, CronTextError> {
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let cron = Self(parser.parse(text).map_err(CronTextError::Unreadable)?);
        match cron.next(DateTime::UNIX_EPOCH) {
            Some(_) => Ok(cron),
            None => Err(CronTextError::Never),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_found_before_and_after() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        for (cron, now, latest, next) in [
            (
                "0 2 * * *",
                "2026-03-01T02:00:00.4Z",
                "2026-03-01T02:00:00Z",
                "2026-03-02T02:00:00Z",
            ),
            (
                "0 2 * * *",
                "2026-03-01T01:59:59.9Z",
                "2026-02-28T02:00:00Z",
                "2026-03-01T02:00:00Z",
            ),
            (
                "30 4 * * SUN",
                "2026-03-04T00:00:00Z",
                "2026-03-01T04:30:00Z",
                "2026-03-08T04:30:00Z",
            ),
            (
                "*/15 * * * *",
                "2026-03-04T00:14:00Z",
                "2026-03-04T00:00:00Z",
                "2026-03-04T00:15:00Z",
            ),
            (
                "0 3 1 */3 *",
                "2026-03-04T00:00:00Z",
                "2026-01-01T03:00:00Z",
                "2026-04-01T03:00:00Z",
            ),
            (
                "0 0 29 2 *",
                "2026-03-04T00:00:00Z",
                "2024-02-29T00:00:00Z",
                "2028-02-29T00:00:00Z",
            ),
        ] {
            let cron: Cron = cron.parse().unwrap();
            let found = (cron.latest(at(now)), cron.next(at(now)));
            assert_eq!(found, (Some(at(latest)), Some(at(next))), "{cron:?}");
        }
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for text in [
            "",
            "2",
            "0 2 * *",
            "0 0 2 * * *",
            "60 2 * * *",
            "0 24 * * *",
            "0 2 * * X",
            "nightly",
            "0 2 30 2 *",
        ] {
            assert!(text.parse::<Cron>().is_err(), "{text}");
        }
    }
}
