//! Sizes and ages for people.

use chrono::{DateTime, Utc};

/// Bytes in units of 1024.
pub(super) fn size(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let mut rest = bytes;
    let mut unit = None;
    let mut tenths = 0;
    for next in units {
        if rest < 1024 {
            break;
        }
        tenths = rest % 1024 * 10 / 1024;
        rest /= 1024;
        unit = Some(next);
    }
    match unit {
        None => format!("{bytes} bytes"),
        Some(unit) => format!("{rest}.{tenths} {unit}"),
    }
}

/// How long it is from then to now, in the largest unit that fits.
pub(crate) fn ago(now: DateTime<Utc>, then: DateTime<Utc>) -> String {
    let seconds = (now - then).num_seconds().max(0);
    let units = [
        (86_400, "day"),
        (3600, "hour"),
        (60, "minute"),
        (1, "second"),
    ];
    let fits = units.into_iter().find(|(length, _)| seconds >= *length);
    let (length, unit) = fits.unwrap_or((1, "second"));
    let count = seconds / length;
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_ages_are_told_in_units_that_fit() {
        assert_eq!(size(0), "0 bytes");
        assert_eq!(size(1023), "1023 bytes");
        assert_eq!(size(1024), "1.0 KiB");
        assert_eq!(size(1536 * 1024), "1.5 MiB");
        assert_eq!(size(10 << 30), "10.0 GiB");
        let then = DateTime::UNIX_EPOCH;
        let after = |seconds| ago(then + chrono::Duration::seconds(seconds), then);
        assert_eq!(after(0), "0 seconds");
        assert_eq!(after(61), "1 minute");
        assert_eq!(after(50 * 3600), "2 days");
    }
}
