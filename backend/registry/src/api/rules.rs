//! What texts from outside must look like. Each rule is a `garde` function; messages say the rule.

#![expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "garde hands its context over by reference"
)]

use std::collections::BTreeMap;
use std::net::IpAddr;

use http::Uri;
use saas_domain::{InstanceId, ServiceName};

type Outcome = garde::Result;

fn refuse(rule: &str) -> Outcome {
    Err(garde::Error::new(rule))
}

/// Free text on one line: no control characters, which could break a header, a log line or, as a
/// zero byte, a PostgreSQL text.
pub(crate) fn plain<T: AsRef<str> + ?Sized>(text: &T, (): &()) -> Outcome {
    if text.as_ref().chars().any(char::is_control) {
        return refuse("must not contain control characters");
    }
    Ok(())
}

/// A host name (RFC 1123) or an IP address without brackets or port.
pub(crate) fn host<T: AsRef<str> + ?Sized>(text: &T, (): &()) -> Outcome {
    if is_host(text.as_ref()) {
        return Ok(());
    }
    refuse("must be a host name or an IP address, without scheme, port or brackets")
}

fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    text.parse::<IpAddr>().is_ok()
        || (text.len() <= 253
            // All digits and dots is an address written wrongly, not a name.
            && text.bytes().any(|b| b.is_ascii_alphabetic())
            && text.strip_suffix('.').unwrap_or(text).split('.').all(is_label))
}

/// An instance's identifier that can stand in an address: `.` and `..` mean other places there.
/// Those that were registered before are still read, until their leases end.
pub(crate) fn instance_id<T: AsRef<str> + ?Sized>(id: &T, (): &()) -> Outcome {
    if matches!(id.as_ref(), "." | "..") {
        return refuse("must not be `.` or `..`, which no address can name");
    }
    Ok(())
}

/// Bytes of a base URL that is read.
pub(crate) const LONGEST_URL: usize = 300;

/// The base URL of a process: scheme, host and port, and nothing else.
pub(crate) fn base_url<T: AsRef<str> + ?Sized>(text: &T, (): &()) -> Outcome {
    // What is too long is refused for that alone.
    if text.as_ref().len() > LONGEST_URL || host_of(text.as_ref()).is_some() {
        return Ok(());
    }
    refuse("must be a base URL with a port, such as http://10.0.0.5:8000, and nothing after it")
}

/// The host of a [`base_url`], without brackets.
pub(crate) fn host_of(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let scheme = uri
        .scheme_str()
        .filter(|s| matches!(*s, "http" | "https"))?;
    let authority = uri.authority()?;
    let host = authority.host().trim_matches(['[', ']']);
    let whole = format!("{scheme}://{authority}");
    let is_all = url.strip_suffix('/').unwrap_or(url) == whole;
    let has_port = authority.port_u16().is_some_and(|port| port > 0);
    let is_plain = !authority.as_str().contains('@') && is_host(host);
    (is_all && has_port && is_plain).then(|| host.to_owned())
}

/// Counts by `service/instance`: 10 000 at most.
pub(crate) fn in_flight(counts: &BTreeMap<String, u32>, (): &()) -> Outcome {
    if counts.len() > 10_000 {
        return refuse("must have 10000 entries at most");
    }
    let is_key = |key: &String| {
        key.split_once('/').is_some_and(|(service, instance)| {
            service.parse::<ServiceName>().is_ok() && instance.parse::<InstanceId>().is_ok()
        })
    };
    if !counts.keys().all(is_key) {
        return refuse(
            "keys must be a service's name and an instance's identifier, such as orders/a",
        );
    }
    are_counts(counts)
}

/// Counts by names of limits, such as `tenant:…`.
pub(crate) fn demand(counts: &BTreeMap<String, u32>, (): &()) -> Outcome {
    for key in counts.keys() {
        if !(1..=128).contains(&key.len()) {
            return refuse("keys have 1 to 128 characters");
        }
        plain(key, &())?;
    }
    are_counts(counts)
}

fn are_counts(counts: &BTreeMap<String, u32>) -> Outcome {
    if counts
        .values()
        .any(|count| *count > i32::MAX.unsigned_abs())
    {
        return refuse("counts must be 2147483647 at most");
    }
    Ok(())
}

/// An absolute path: printable ASCII without query, fragment, empty or dot segments, 512 bytes at
/// most.
pub(crate) fn path<T: AsRef<str> + ?Sized>(text: &T, (): &()) -> Outcome {
    if is_path(text.as_ref()) {
        return Ok(());
    }
    refuse(
        "must be an absolute path such as /shop/items, without query, fragment, `//` or dot \
         segments, 512 characters at most",
    )
}

fn is_path(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('/') else {
        return false;
    };
    let is_plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'?' | b'#' | b'\\' | b'*' | b'%');
    text.len() <= 512
        && text.bytes().all(is_plain)
        && (rest.is_empty()
            || rest
                .strip_suffix('/')
                .unwrap_or(rest)
                .split('/')
                .all(is_segment))
}

fn is_segment(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..")
}

/// A path that needs no token: exact, or a beginning followed by `/*`.
pub(crate) fn public_path<T: AsRef<str> + ?Sized>(text: &T, (): &()) -> Outcome {
    let text = text.as_ref();
    let exact = text.strip_suffix("/*").unwrap_or(text);
    // `/*` alone would open the whole service, which a route can do, visibly.
    if is_path(exact) {
        return Ok(());
    }
    refuse("must be an absolute path such as /docs, or a beginning such as /docs/*")
}

/// Pairs of short plain texts: 32 at most, keys of 1 to 64 characters, values of 256 at most.
pub(crate) fn pairs(pairs: &BTreeMap<String, String>, (): &()) -> Outcome {
    if pairs.len() > 32 {
        return refuse("must have 32 pairs at most");
    }
    for (key, value) in pairs {
        if !(1..=64).contains(&key.chars().count()) || value.chars().count() > 256 {
            return refuse("keys have 1 to 64 characters and values 256 at most");
        }
        plain(key, &())?;
        plain(value, &())?;
    }
    Ok(())
}

/// A method's name in upper case.
pub(crate) fn method<T: AsRef<str> + ?Sized>(text: &T, (): &()) -> Outcome {
    let text = text.as_ref();
    let is_name = (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase());
    if is_name && text != "CONNECT" {
        return Ok(());
    }
    refuse("must be a method in upper case, such as GET")
}

/// A permission in text form, `area:action`.
pub(crate) fn permission<T: AsRef<str> + ?Sized>(text: &T, (): &()) -> Outcome {
    let is_word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
    };
    match text.as_ref().split_once(':') {
        Some((area, action)) if text.as_ref().len() <= 64 && is_word(area) && is_word(action) => {
            Ok(())
        }
        _ => refuse("must be a permission such as order:read, 64 characters at most"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_or_addresses() {
        for good in [
            "orders",
            "orders.svc.local",
            "10.0.0.1",
            "::1",
            "a_b",
            "host.",
            "xn--fiq",
        ] {
            assert!(host(good, &()).is_ok(), "{good}");
        }
        let long = "a".repeat(254);
        for bad in [
            "", "http://a", "a:80", "[::1]", "-a", "a..b", "1.2.3", "a b", "a/b", "é", &long,
        ] {
            assert!(host(bad, &()).is_err(), "{bad}");
        }
    }

    #[test]
    fn base_urls_have_a_port_and_no_path() {
        for (good, host) in [
            ("http://10.0.0.5:8000", "10.0.0.5"),
            ("https://gateway.internal:443/", "gateway.internal"),
            ("http://[fd00::1]:8000", "fd00::1"),
        ] {
            assert!(base_url(good, &()).is_ok(), "{good}");
            assert_eq!(host_of(good).as_deref(), Some(host));
        }
        for bad in [
            "",
            "http://10.0.0.5",
            "http://10.0.0.5:0",
            "10.0.0.5:8000",
            "ftp://10.0.0.5:8000",
            "http://a:b@10.0.0.5:8000",
            "http://10.0.0.5:8000/x",
            "http://10.0.0.5:8000?x",
            "http://10.0.0.5:8000/#x",
            "http://a\u{0}b:8000",
            "http://:8000",
        ] {
            assert!(base_url(bad, &()).is_err(), "{bad}");
        }
    }

    #[test]
    fn paths_are_absolute_and_normal() {
        for good in ["/", "/a", "/a/b/", "/a-b_c.d~e", "/a:b@c"] {
            assert!(path(good, &()).is_ok(), "{good}");
        }
        for bad in [
            "", "a", "//", "/a//b", "/a/../b", "/.", "/a?b", "/a#b", "/a b", "/a%2e", "/é",
            "/a\\b", "/*",
        ] {
            assert!(path(bad, &()).is_err(), "{bad}");
        }
        assert!(public_path("/docs/*", &()).is_ok());
        for bad in ["/*", "/docs*", "/a/*/b", "*"] {
            assert!(public_path(bad, &()).is_err(), "{bad}");
        }
    }

    #[test]
    fn permissions_and_methods_have_a_form() {
        assert!(permission("platform.tenant:read", &()).is_ok());
        for bad in ["", "read", "a:", ":b", "A:b", "a:b:c"] {
            assert!(permission(bad, &()).is_err(), "{bad}");
        }
        assert!(method("PATCH", &()).is_ok());
        for bad in ["", "get", "G ET", "CONNECT"] {
            assert!(method(bad, &()).is_err(), "{bad}");
        }
        assert!(plain("星云", &()).is_ok());
        assert!(plain("a\u{0}b", &()).is_err());
    }
}
