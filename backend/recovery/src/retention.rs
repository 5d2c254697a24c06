//! Which backups are kept.

use chrono::{DateTime, Duration, Utc};

use crate::format::BackupName;

/// Those of these backups that are older than so many days. The newest one is never among them,
/// however old it is: an old backup is better than none.
pub fn surplus(backups: &[(BackupName, u64)], days: u32, now: DateTime<Utc>) -> Vec<BackupName> {
    let newest = backups.iter().map(|(name, _)| name.taken_at).max();
    let oldest = now - Duration::days(i64::from(days));
    let names = backups.iter().map(|(name, _)| *name);
    names
        .filter(|name| name.taken_at < oldest && Some(name.taken_at) != newest)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Compression, Engine};

    #[test]
    fn the_newest_is_kept_however_old_it_is() {
        let day = |day: i64| (DateTime::UNIX_EPOCH + Duration::days(day), 1_u64);
        let name = |(taken_at, bytes)| {
            let name = BackupName {
                taken_at,
                engine: Engine::Sqlite,
                compression: Compression::Zstd,
                is_encrypted: false,
            };
            (name, bytes)
        };
        let backups: Vec<_> = [1, 5, 9].map(day).map(name).to_vec();
        let left = |days, now| {
            let now = DateTime::UNIX_EPOCH + Duration::days(now);
            let gone = surplus(&backups, days, now);
            backups.len() - gone.len()
        };
        assert_eq!(left(7, 10), 2);
        assert_eq!(left(4, 10), 1);
        assert_eq!(left(1, 1000), 1);
        assert_eq!(left(7, 8), 3);
    }
}
