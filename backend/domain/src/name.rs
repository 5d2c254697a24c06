//! Names that people and programs choose: services, instances, slugs, e-mail addresses.

use std::{borrow::Borrow, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Names that only the platform's own processes may register: whoever could register `core` would
/// receive every password and token.
pub const RESERVED_SERVICES: [&str; 3] = ["core", "registry", "gateway"];

/// Why a name was refused. The message tells the rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not RFC 1123 labels joined by dots.
    #[error(
        "`{0}` is not a service name: use lower-case letters, digits and hyphens in labels of 1 to 63 characters, joined by dots, 128 characters at most"
    )]
    Service(String),
    /// Empty, too long or with a character that would need escaping.
    #[error(
        "`{0}` is not an instance identifier: use 1 to 128 letters, digits, and any of . _ : -"
    )]
    Instance(String),
    /// Not a slug.
    #[error(
        "`{0}` is not a slug: use 2 to 63 lower-case letters, digits and hyphens, beginning and ending with a letter or digit"
    )]
    Slug(String),
    /// Not an address that mail could be sent to.
    #[error(
        "`{0}` is not an e-mail address: expected something like name@example.com, 254 characters at most"
    )]
    Email(String),
}

/// At most 64 characters of what was given, for an error message.
fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

/// An RFC 1123 label: 1 to 63 of `a-z 0-9 -`, no hyphen at either end.
fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= 63
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_service_name(text: &str) -> bool {
    text.len() <= 128 && text.split('.').all(is_label)
}

fn is_instance_id(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-'))
}

fn is_slug(text: &str) -> bool {
    text.len() >= 2 && is_label(text)
}

/// Deliberately looser than RFC 5321's grammar: one `@`, something on both sides, nothing that
/// could break a header or a log line. Whether the address exists only a mail can tell.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    text.len() <= 254
        && (1..=64).contains(&local.len())
        && !local.contains('@')
        && !domain.is_empty()
        && !domain.starts_with(['.', '-'])
        && !domain.ends_with(['.', '-'])
        && !domain.contains("..")
        && !text.chars().any(|c| {
            c.is_control() || c.is_whitespace() || matches!(c, '"' | '<' | '>' | ',' | ';' | '\\')
        })
}

macro_rules! text_name {
    ($(#[doc = $doc:literal])+ $name:ident, $error:ident, $check:ident, $normalise:expr) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                let normalise: fn(&str) -> String = $normalise;
                let text = normalise(text);
                if $check(&text) {
                    Ok(Self(text))
                } else {
                    Err(NameError::$error(shown(&text)))
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_name! {
    /// The name of a service: lower-case RFC 1123 labels joined by dots, 128 characters at most.
    ServiceName, Service, is_service_name, str::to_owned
}
text_name! {
    /// The identifier of one instance of a service, chosen by the instance or by the registry.
    InstanceId, Instance, is_instance_id, str::to_owned
}
text_name! {
    /// A tenant's short name, as it may stand in an address: 2 to 63 characters.
    Slug, Slug, is_slug, str::to_owned
}
text_name! {
    /// An e-mail address in lower case, so that a look-up never depends on how it was typed.
    EmailAddress, Email, is_email, |text| text.trim().to_lowercase()
}

impl ServiceName {
    /// Whether only the platform's own processes may register under this name.
    pub fn is_reserved(&self) -> bool {
        RESERVED_SERVICES.contains(&self.as_str())
    }
}

impl Slug {
    /// A slug made from free text: ASCII letters and digits kept, everything else a hyphen. Text
    /// without any of them (a Chinese name, say) gives `None`: the caller draws one at random.
    pub fn from_text(text: &str) -> Option<Self> {
        let mut slug = String::new();
        for c in text.chars().flat_map(char::to_lowercase) {
            if c.is_ascii_alphanumeric() {
                slug.push(c);
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
            if slug.len() == 48 {
                break;
            }
        }
        slug.trim_matches('-').parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_names_are_labels_joined_by_dots() {
        for good in ["orders", "group.orders", "a", "a-1.b2"] {
            assert!(good.parse::<ServiceName>().is_ok(), "{good}");
        }
        let long = "a".repeat(64);
        for bad in [
            "", "Orders", "-a", "a-", "a..b", ".a", "a_b", "a/b", "订单", &long,
        ] {
            assert!(bad.parse::<ServiceName>().is_err(), "{bad}");
        }
        assert!("core".parse::<ServiceName>().unwrap().is_reserved());
    }

    #[test]
    fn e_mail_addresses_are_lower_cased_and_cannot_break_a_header() {
        let address: EmailAddress = " Zhang.Wei@Example.COM ".parse().unwrap();
        assert_eq!(address.as_str(), "zhang.wei@example.com");
        assert!("admin@localhost".parse::<EmailAddress>().is_ok());
        for bad in [
            "",
            "a",
            "@b",
            "a@",
            "a@b@c",
            "a@b\r\nBcc: x",
            "a b@c",
            "a@.c",
            "<a@b>",
        ] {
            assert!(bad.parse::<EmailAddress>().is_err(), "{bad}");
        }
    }

    #[test]
    fn slugs_come_from_text_where_they_can() {
        assert_eq!(Slug::from_text("Acme, Inc.").unwrap().as_str(), "acme-inc");
        assert_eq!(Slug::from_text("星云科技"), None);
    }

    #[test]
    fn a_wrong_name_is_refused_while_deserialising() {
        let error = serde_json::from_str::<ServiceName>("\"Bad Name\"").unwrap_err();
        assert!(error.to_string().contains("lower-case"));
    }
}
