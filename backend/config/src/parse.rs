//! From a setting's text to its typed value, with an error that says what was expected.

use std::{fmt::Display, str::FromStr, time::Duration};

use crate::{
    ConfigError, CorsOrigins, Environment, IpNetwork, LogFormat, LogLevel, Networks, Secret,
    SettingInfo, Signup, sources::Resolved,
};

/// Bytes of a value that a message repeats. What is longer is a key or a file's content in the wrong
/// place.
const LONGEST_QUOTED: usize = 80;

impl Resolved {
    /// A value read by `read`, whose error completes "is not valid: …".
    pub(crate) fn read<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let shown = !SettingInfo::find(name).is_some_and(|setting| setting.secret);
        read(text).map(Some).map_err(|reason| ConfigError::Invalid {
            name,
            value: quotable(text).filter(|_| shown).map(str::to_owned),
            origin: self.origin(name),
            reason,
        })
    }

    /// A value that the table has a default for.
    fn required<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        self.read(name, read)?.ok_or(ConfigError::Missing {
            name,
            remedy: "set it, or leave it out for its default",
        })
    }

    pub(crate) fn number<T>(&self, name: &'static str, least: T, most: T) -> Result<T, ConfigError>
    where
        T: FromStr + PartialOrd + Display + Copy,
    {
        self.required(name, |text| {
            number(text, least, most).ok_or_else(|| expected_number(text, least, most))
        })
    }

    pub(crate) fn optional_number<T>(
        &self,
        name: &'static str,
        least: T,
        most: T,
    ) -> Result<Option<T>, ConfigError>
    where
        T: FromStr + PartialOrd + Display + Copy,
    {
        self.read(name, |text| {
            number(text, least, most).ok_or_else(|| expected_number(text, least, most))
        })
    }

    pub(crate) fn port(&self, name: &'static str) -> Result<u16, ConfigError> {
        self.number(name, 0, u16::MAX)
    }

    /// A number of `unit` seconds each.
    pub(crate) fn duration(
        &self,
        name: &'static str,
        unit: u64,
        least: u64,
        most: u64,
    ) -> Result<Duration, ConfigError> {
        let count = self.number(name, least, most)?;
        Ok(Duration::from_secs(count * unit))
    }

    pub(crate) fn secret(&self, name: &'static str) -> Option<Secret> {
        self.text(name).map(Secret::new)
    }

    pub(crate) fn environment(&self) -> Result<Environment, ConfigError> {
        self.required("ENVIRONMENT", |text| {
            word(text, Environment::from_word, Environment::WORDS)
        })
    }

    pub(crate) fn log_level(&self) -> Result<LogLevel, ConfigError> {
        self.required("LOG_LEVEL", |text| {
            word(text, LogLevel::from_word, LogLevel::WORDS)
        })
    }

    pub(crate) fn log_format(&self) -> Result<LogFormat, ConfigError> {
        self.required("LOG_FORMAT", |text| {
            word(text, LogFormat::from_word, LogFormat::WORDS)
        })
    }

    pub(crate) fn signup(&self) -> Result<Option<Signup>, ConfigError> {
        self.read("SIGNUP", |text| {
            word(text, Signup::from_word, Signup::WORDS)
        })
    }

    pub(crate) fn networks(&self, name: &'static str) -> Result<Networks, ConfigError> {
        let networks = self.read(name, |text| {
            let network = |item: &str| {
                IpNetwork::from_str(item).map_err(|error| match quotable(item) {
                    Some(_) => error.to_string(),
                    None => "expected ranges of addresses such as `10.0.0.0/8`".to_owned(),
                })
            };
            items(text).map(network).collect::<Result<Networks, _>>()
        })?;
        Ok(networks.unwrap_or_default())
    }

    pub(crate) fn cors_origins(&self) -> Result<CorsOrigins, ConfigError> {
        let origins = self.read("CORS_ORIGINS", |text| {
            if items(text).any(|origin| origin == "*") {
                return Ok(CorsOrigins::Any);
            }
            let origins: Result<_, _> = items(text).map(web_origin).collect();
            origins.map(CorsOrigins::Only)
        })?;
        Ok(origins.unwrap_or(CorsOrigins::Only(Vec::new())))
    }

    /// The address of a web server, as `scheme://host[:port]`.
    pub(crate) fn origin_url(&self, name: &'static str) -> Result<Option<String>, ConfigError> {
        self.read(name, web_origin)
    }

    pub(crate) fn registry_urls(&self) -> Result<Vec<String>, ConfigError> {
        self.required("REGISTRY_URL", |text| items(text).map(web_origin).collect())
    }

    /// A URL of one of the given schemes, kept as it is, since it may hold a password.
    pub(crate) fn secret_url(
        &self,
        name: &'static str,
        schemes: &[&str],
    ) -> Result<Option<Secret>, ConfigError> {
        self.read(name, |text| {
            let known = schemes.iter().any(|scheme| text.starts_with(scheme));
            let complete = text.split_once(':').is_some_and(|(_, rest)| rest.len() > 2);
            if known && complete {
                return Ok(Secret::new(text));
            }
            let schemes = schemes.join(" or ");
            Err(format!("expected a URL that begins with {schemes}"))
        })
    }
}

/// The text, if a message may repeat it: it is short, and cannot be an address with a password, or
/// with a token in its query, that was put where none belongs.
pub(crate) fn quotable(text: &str) -> Option<&str> {
    let may_hold_secret = text.contains(['@', '?', '#']) || text.len() > LONGEST_QUOTED;
    (!may_hold_secret).then_some(text)
}

fn number<T: FromStr + PartialOrd + Copy>(text: &str, least: T, most: T) -> Option<T> {
    let number = text.trim().parse().ok()?;
    (number >= least && number <= most).then_some(number)
}

fn expected_number<T: Display + Copy>(text: &str, least: T, most: T) -> String {
    let expected = format!("expected a number from {least} to {most}");
    if text.starts_with("tcp://") {
        // Kubernetes sets `REGISTRY_PORT=tcp://…` for a Service named `registry`.
        return format!(
            "{expected}; this one was set by Kubernetes for a Service, so set \
             `enableServiceLinks: false` in the pod"
        );
    }
    expected
}

fn word<T>(text: &str, read: fn(&str) -> Option<T>, words: &[&str]) -> Result<T, String> {
    read(text.trim()).ok_or_else(|| format!("expected one of {}", words.join(", ")))
}

/// The items of a list that commas separate.
fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

/// `scheme://host[:port]`, in lower case, without the port that the scheme implies, as a browser
/// writes it into `Origin`.
pub(crate) fn web_origin(text: &str) -> Result<String, String> {
    let expected = || {
        // Which item of a list it is; alone it stands before this already.
        let which = quotable(text).map_or_else(|| "this".to_owned(), |text| format!("`{text}`"));
        format!(
            "{which} is not an address such as `https://api.example.com`, without user, password, path or query"
        )
    };
    let url: http::Uri = text.trim().parse().map_err(|_| expected())?;
    let scheme = url.scheme_str().ok_or_else(expected)?.to_ascii_lowercase();
    let authority = url.authority().ok_or_else(expected)?;
    // A fragment is not part of what was read.
    let plain = matches!(url.path(), "" | "/") && url.query().is_none() && !text.contains('#');
    let implied = match scheme.as_str() {
        "http" => 80,
        "https" => 443,
        _ => return Err(expected()),
    };
    if !plain || authority.as_str().contains('@') || authority.host().is_empty() {
        return Err(expected());
    }
    let host = authority.host().to_ascii_lowercase();
    Ok(match authority.port_u16() {
        Some(port) if port != implied => format!("{scheme}://{host}:{port}"),
        _ => format!("{scheme}://{host}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_a_browser_writes_it() {
        for (given, origin) in [
            ("https://API.example.com/", "https://api.example.com"),
            ("https://api.example.com:443", "https://api.example.com"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("http://[::1]:8000", "http://[::1]:8000"),
        ] {
            assert_eq!(web_origin(given).unwrap(), origin);
        }
        for bad in [
            "example.com",
            "ftp://example.com",
            "https://a/b",
            "https://u:p@a",
            "https://",
        ] {
            assert!(web_origin(bad).is_err(), "{bad}");
        }
    }
}
