//! From when to when a certificate holds. The TLS library looks at that in others' certificates and
//! tells nobody; one's own expiry is worth knowing before others meet it.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};

const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The validity of a certificate in DER (RFC 5280, section 4.1): of `tbsCertificate`, the fields
/// before it are an optional version, the serial number, the algorithm and the issuer.
pub(crate) fn validity(der: &[u8]) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let (certificate, _) = of(SEQUENCE, der)?;
    let (mut rest, _) = of(SEQUENCE, certificate)?;
    if rest.first() == Some(&0xa0) {
        (_, rest) = next(rest)?;
    }
    for _ in 0..3 {
        (_, rest) = next(rest)?;
    }
    let (dates, _) = of(SEQUENCE, rest)?;
    let (begin, dates) = next(dates)?;
    let (end, _) = next(dates)?;
    Some((time(begin)?, time(end)?))
}

type Element<'a> = (u8, &'a [u8]);

/// The first element, and what comes after it.
fn next(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        short @ 0..0x80 => (usize::from(*short), rest),
        long => {
            let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            let length = digits.iter().try_fold(0_usize, |sum, digit| {
                Some(sum.checked_mul(256)? + usize::from(*digit))
            });
            (length?, rest)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some(((*tag, content), rest))
}

fn of(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let ((found, content), rest) = next(bytes)?;
    (found == tag).then_some((content, rest))
}

/// `YYMMDDHHMMSSZ` until 2049, `YYYYMMDDHHMMSSZ` after.
fn time((tag, text): Element<'_>) -> Option<DateTime<Utc>> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i32 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let mut pairs = rest.as_bytes().chunks(2);
    let mut pair = || -> Option<u32> { std::str::from_utf8(pairs.next()?).ok()?.parse().ok() };
    let date = NaiveDate::from_ymd_opt(year, pair()?, pair()?)?;
    let time = NaiveTime::from_hms_opt(pair()?, pair()?, pair()?)?;
    Some(NaiveDateTime::new(date, time).and_utc())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn dates_are_read_in_both_spellings() {
        let key = KeyPair::generate().unwrap();
        for (begin, end) in [((1999, 2, 3), (2049, 12, 31)), ((2026, 1, 1), (2051, 6, 7))] {
            let mut params = CertificateParams::new(["a.test".to_owned()]).unwrap();
            params.not_before = date_time_ymd(begin.0, begin.1, begin.2);
            params.not_after = date_time_ymd(end.0, end.1, end.2);
            let certificate = params.self_signed(&key).unwrap();
            let (from, until) = validity(certificate.der()).unwrap();
            let expected = |(year, month, day): (i32, u8, u8)| {
                format!("{year:04}-{month:02}-{day:02} 00:00:00 UTC")
            };
            assert_eq!(from.to_string(), expected(begin));
            assert_eq!(until.to_string(), expected(end));
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_dates_and_does_no_harm() {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["a.test".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        for length in 0..200 {
            assert_eq!(validity(&certificate.der()[..length]), None);
        }
        assert_eq!(validity(&[0x30, 0xff]), None);
        assert_eq!(validity(&[0x30; 64]), None);
    }
}
