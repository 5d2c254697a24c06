//! Which backups are kept.

use std::{collections::HashSet, fmt};

use chrono::{DateTime, Datelike as _, Duration, Utc};

use crate::format::BackupName;

/// What is kept: whatever any of these keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keeping {
    /// Everything that is younger than so many days.
    pub days: u32,
    /// The newest of each of so many days that have one.
    pub daily: u32,
    /// The newest of each of so many weeks that have one; weeks begin on Monday (ISO 8601).
    pub weekly: u32,
    /// The newest of each of so many months that have one.
    pub monthly: u32,
}

/// Why one is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is the newest of all, which is always kept: an old backup is better than none.
    Newest,
    /// Its time is to come, so that nothing can be said of it.
    Ahead,
    /// It is not older than so many days.
    Young(u32),
    /// It is the newest of its day.
    Daily,
    /// It is the newest of its week.
    Weekly,
    /// It is the newest of its month.
    Monthly,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newest => f.write_str("the newest"),
            Self::Ahead => f.write_str("of a time to come"),
            Self::Young(1) => f.write_str("of the last day"),
            Self::Young(days) => write!(f, "of the last {days} days"),
            Self::Daily => f.write_str("the newest of its day"),
            Self::Weekly => f.write_str("the newest of its week"),
            Self::Monthly => f.write_str("the newest of its month"),
        }
    }
}

/// A backup, and why it is kept; for no reason, it may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Which.
    pub name: BackupName,
    /// Every reason there is.
    pub reasons: Vec<Reason>,
}

impl Verdict {
    /// Whether something keeps it.
    pub fn is_kept(&self) -> bool {
        !self.reasons.is_empty()
    }
}

/// How far ahead of the clock a backup's time may be: clocks differ, and days differ from place to
/// place.
const AHEAD: Duration = Duration::days(1);

/// Whether the time in its name is to be believed. What is of a time to come is kept, but must not
/// be taken for the newest: by such a name, anybody who may write here would have every other go.
pub fn is_of_now(name: &BackupName, now: DateTime<Utc>) -> bool {
    name.taken_at <= now + AHEAD
}

/// Judges the backups of one place, newest first. Days, weeks and months are those of UTC, as in the
/// backups' names.
pub fn judge(
    backups: impl IntoIterator<Item = BackupName>,
    keeping: Keeping,
    now: DateTime<Utc>,
) -> Vec<Verdict> {
    let mut names: Vec<BackupName> = backups.into_iter().collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.taken_at));
    let oldest = now - Duration::days(i64::from(keeping.days));
    let mut daily = Periods::of(keeping.daily);
    let mut weekly = Periods::of(keeping.weekly);
    let mut monthly = Periods::of(keeping.monthly);
    let mut verdicts = Vec::new();
    let mut is_newest = true;
    for name in names {
        if !is_of_now(&name, now) {
            let reasons = vec![Reason::Ahead];
            verdicts.push(Verdict { name, reasons });
            continue;
        }
        let (day, week) = (name.taken_at.date_naive(), name.taken_at.iso_week());
        let reasons = [
            (std::mem::take(&mut is_newest), Reason::Newest),
            (name.taken_at >= oldest, Reason::Young(keeping.days)),
            (daily.keep((day.year(), day.ordinal())), Reason::Daily),
            (weekly.keep((week.year(), week.week())), Reason::Weekly),
            (monthly.keep((day.year(), day.month())), Reason::Monthly),
        ];
        let reasons = reasons.into_iter().filter(|(holds, _)| *holds);
        let reasons = reasons.map(|(_, reason)| reason).collect();
        verdicts.push(Verdict { name, reasons });
    }
    verdicts
}

/// The periods that have one already, and how many may.
struct Periods {
    most: usize,
    seen: HashSet<(i32, u32)>,
}

impl Periods {
    fn of(most: u32) -> Self {
        Self {
            most: usize::try_from(most).unwrap_or(usize::MAX),
            seen: HashSet::new(),
        }
    }

    /// Whether the backup of this period, newest first, is the one that is kept for it.
    fn keep(&mut self, period: (i32, u32)) -> bool {
        self.seen.len() < self.most && self.seen.insert(period)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Reason::{Daily, Monthly, Newest, Weekly, Young},
        *,
    };
    use crate::format::{Compression, Engine};

    fn at(moment: &str) -> BackupName {
        let taken_at = DateTime::parse_from_rfc3339(moment).unwrap().to_utc();
        BackupName {
            taken_at,
            engine: Engine::Sqlite,
            compression: Compression::Zstd,
            is_encrypted: false,
        }
    }

    /// What is left, oldest first, by month, day and hour.
    fn left(backups: &[BackupName], keeping: Keeping, now: DateTime<Utc>) -> Vec<String> {
        let judged = judge(backups.iter().copied(), keeping, now);
        let kept = judged.iter().rev().filter(|verdict| verdict.is_kept());
        kept.map(|verdict| verdict.name.taken_at.format("%m-%d %H").to_string())
            .collect()
    }

    fn nightly(first: &str, nights: i64) -> Vec<BackupName> {
        let first = at(first);
        let night = |night| BackupName {
            taken_at: first.taken_at + Duration::days(night),
            ..first
        };
        (0..nights).map(night).collect()
    }

    #[test]
    fn the_newest_is_kept_however_old_it_is() {
        let backups = nightly("2026-01-01T02:00:00Z", 9);
        let count = |days, now: &str| {
            let keeping = Keeping {
                days,
                ..Keeping::default()
            };
            left(&backups, keeping, at(now).taken_at).len()
        };
        assert_eq!(count(7, "2026-01-09T03:00:00Z"), 7);
        assert_eq!(count(7, "2026-01-09T02:00:00Z"), 8);
        assert_eq!(count(1, "2029-01-01T00:00:00Z"), 1);
        assert_eq!(count(0, "2029-01-01T00:00:00Z"), 1);
    }

    #[test]
    fn of_a_time_to_come_is_none_the_newest() {
        let now = at("2026-01-09T03:00:00Z").taken_at;
        let backups = ["2025-01-01T00:00:00Z", "2026-01-10T03:00:01Z"].map(at);
        let judged = judge(backups, Keeping::default(), now);
        assert_eq!(judged[0].reasons, [Reason::Ahead]);
        assert_eq!(judged[1].reasons, [Newest]);
        let by_a_day = judge(["2026-01-10T03:00:00Z"].map(at), Keeping::default(), now);
        assert_eq!(by_a_day[0].reasons[0], Newest);
    }

    #[test]
    fn days_weeks_and_months_each_keep_their_newest() {
        // Thursday to Friday, over a month's end: the Sundays are 25 January, 1 and 8 February.
        let backups = nightly("2026-01-22T02:00:00Z", 23);
        let now = at("2026-02-13T03:00:00Z").taken_at;
        let weekly = Keeping {
            weekly: 3,
            ..Keeping::default()
        };
        assert_eq!(
            left(&backups, weekly, now),
            ["02-01 02", "02-08 02", "02-13 02"]
        );
        let monthly = Keeping {
            monthly: 12,
            ..Keeping::default()
        };
        assert_eq!(left(&backups, monthly, now), ["01-31 02", "02-13 02"]);
        let all = Keeping {
            days: 1,
            daily: 2,
            weekly: 3,
            monthly: 2,
        };
        assert_eq!(
            left(&backups, all, now),
            ["01-31 02", "02-01 02", "02-08 02", "02-12 02", "02-13 02"]
        );
        let judged = judge(backups, all, now);
        assert_eq!(
            judged[0].reasons,
            [Newest, Young(1), Daily, Weekly, Monthly]
        );
        assert_eq!(judged[1].reasons, [Daily]);
        assert_eq!(judged[2].reasons, []);
    }

    #[test]
    fn weeks_are_those_of_iso_8601_and_days_those_of_utc() {
        // Monday to Sunday are one week, though a year ends in it.
        let week = nightly("2026-12-28T23:59:59Z", 7);
        let weekly = Keeping {
            weekly: 9,
            ..Keeping::default()
        };
        let now = at("2027-02-01T00:00:00Z").taken_at;
        assert_eq!(left(&week, weekly, now), ["01-03 23"]);
        let daily = Keeping {
            daily: 9,
            ..Keeping::default()
        };
        let night = [
            "2026-03-01T23:00:00Z",
            "2026-03-01T23:59:59Z",
            "2026-03-02T00:00:00Z",
        ];
        assert_eq!(left(&night.map(at), daily, now), ["03-01 23", "03-02 00"]);
        // A period without a backup is none of them, so that a pause costs nothing.
        let paused = ["2026-01-01T02:00:00Z", "2026-06-01T02:00:00Z"].map(at);
        let two = Keeping {
            daily: 2,
            ..Keeping::default()
        };
        assert_eq!(left(&paused, two, now).len(), 2);
    }

    #[test]
    fn whatever_the_backups_and_the_rules_what_is_promised_holds() {
        // A generator of its own, so that a failure is the same each time.
        let mut state = 0x2545_f491_u64;
        let mut below = |limit: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) % limit
        };
        let first = at("2024-02-25T00:00:00Z");
        for _ in 0..2000 {
            let backups: Vec<_> = (0..=below(40))
                .map(|_| BackupName {
                    taken_at: first.taken_at
                        + Duration::minutes(i64::try_from(below(400 * 24 * 60)).unwrap()),
                    ..first
                })
                .collect();
            let mut number = |limit| u32::try_from(below(limit)).unwrap();
            let keeping = Keeping {
                days: number(30),
                daily: number(10),
                weekly: number(10),
                monthly: number(10),
            };
            let now = first.taken_at + Duration::days(400 + i64::from(number(450)));
            let judged = judge(backups.clone(), keeping, now);
            assert_eq!(judged.len(), backups.len());
            assert!(judged[0].reasons.contains(&Newest));
            assert!(judged.is_sorted_by_key(|one| std::cmp::Reverse(one.name.taken_at)));
            for (reason, most, period) in [
                (Daily, keeping.daily, "%Y-%m-%d"),
                (Weekly, keeping.weekly, "%G-%V"),
                (Monthly, keeping.monthly, "%Y-%m"),
            ] {
                let period = |one: &Verdict| one.name.taken_at.format(period).to_string();
                let kept = judged.iter().filter(|one| one.reasons.contains(&reason));
                let kept: Vec<_> = kept.map(|one| (period(one), one.name.taken_at)).collect();
                let periods: HashSet<_> = kept.iter().map(|(period, _)| period).collect();
                let all: HashSet<_> = judged.iter().map(period).collect();
                // At most one of each period, as many as are asked for if there are, each the newest.
                assert_eq!(periods.len(), kept.len());
                assert_eq!(kept.len(), all.len().min(most as usize));
                for (kept, taken_at) in &kept {
                    let same = judged.iter().filter(|one| period(one) == *kept);
                    assert_eq!(same.map(|one| one.name.taken_at).max(), Some(*taken_at));
                }
            }
            for one in &judged {
                let age = now - one.name.taken_at;
                let is_young = age <= Duration::days(i64::from(keeping.days));
                assert_eq!(is_young, one.reasons.contains(&Young(keeping.days)));
            }
            // What is kept is kept again: pruning twice is pruning once.
            let kept = judged
                .iter()
                .filter(|one| one.is_kept())
                .map(|one| one.name);
            let again = judge(kept, keeping, now);
            assert!(again.iter().all(Verdict::is_kept));
        }
    }
}
