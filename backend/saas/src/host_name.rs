//! The name of a domain on the command line.

use std::{fmt, str::FromStr};

/// A domain's name as the DNS has it, in lower case: labels of letters, digits and hyphens, joined
/// by dots, at least two (RFC 1123, section 2.1). No address, no port, no scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(String);

/// What is wrong with a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a domain such as example.com, without https:// and without a port")]
pub struct HostNameError;

/// With `admin.` in front it still has to fit into the 253 characters of a name.
const LONGEST: usize = 253 - "admin.".len();

impl FromStr for HostName {
    type Err = HostNameError;

    fn from_str(text: &str) -> Result<Self, HostNameError> {
        let name = text.to_ascii_lowercase();
        let labels: Vec<&str> = name.split('.').collect();
        // A top-level domain has a letter; four numbers are an address.
        let is_numeric = labels
            .last()
            .is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
        let is_sound = labels.len() >= 2
            && name.len() <= LONGEST
            && !is_numeric
            && labels.iter().all(|label| is_label(label));
        is_sound.then_some(Self(name)).ok_or(HostNameError)
    }
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_told_from_everything_else() {
        for good in [
            "example.com",
            "a.b",
            "xn--fiqs8s.example",
            "A-1.Example.COM",
        ] {
            let name = good.parse::<HostName>().unwrap();
            assert_eq!(name.to_string(), good.to_ascii_lowercase());
        }
        let long = format!("{}.com", "a.".repeat(130));
        for bad in [
            "",
            "com",
            "example.com.",
            ".example.com",
            "a..b",
            "-a.com",
            "a-.com",
            "exa mple.com",
            "https://example.com",
            "example.com:443",
            "example.com/x",
            "10.0.0.1",
            "m\u{fc}nchen.de",
            "a=b.com",
            "a.com\nX=1",
            &long,
        ] {
            assert_eq!(bad.parse::<HostName>(), Err(HostNameError), "{bad}");
        }
    }
}
