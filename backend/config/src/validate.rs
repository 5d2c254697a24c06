//! What production refuses, and why.

use crate::{ConfigError, CorsOrigins, DatabaseKind, Role, Secret, Settings};

/// How short a root secret may be, in bytes: 256 bits.
const SHORTEST_SECRET: usize = 32;

/// How few different bytes a root secret may have. Sixteen random hexadecimal digits, the poorest
/// alphabet in use, fall below it less than once in ten thousand keys.
const FEWEST_DIFFERENT_BYTES: usize = 9;

/// Words of which samples are made, compared without case and punctuation. That a random key holds
/// one by chance is far less likely than one in a million.
const SAMPLE_WORDS: [&str; 14] = [
    "changeme",
    "changethis",
    "changeit",
    "replaceme",
    "secretkey",
    "yoursecret",
    "mysecret",
    "supersecret",
    "example",
    "insecure",
    "password",
    "placeholder",
    "notasecret",
    "donotuse",
];

const MAKE_A_SECRET: &str = "make one with `openssl rand -base64 48`";

impl Settings {
    /// What is wrong with these settings for this role, most important first; empty if nothing is.
    pub fn validate(&self) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        if self.database_min_connections > self.database_max_connections {
            errors.push(ConfigError::Invalid {
                name: "DATABASE_MIN_CONNECTIONS",
                value: Some(self.database_min_connections.to_string()),
                origin: self.origin("DATABASE_MIN_CONNECTIONS"),
                reason: format!(
                    "expected no more than DATABASE_MAX_CONNECTIONS, {}",
                    self.database_max_connections
                ),
            });
        }
        if self.role == Role::Backup && self.database_kind() == DatabaseKind::Sqlite {
            errors.push(ConfigError::Unsafe {
                name: "DATABASE_URL",
                reason: "names a SQLite file, which belongs to one process".to_owned(),
                remedy: "let `saas up` make the backups, which has the same schedule, or set it to a postgresql:// URL",
            });
        }
        // A tool serves nobody; what it needs it asks for itself.
        if self.environment.is_production() && self.role != Role::Tool {
            self.validate_production(&mut errors);
        }
        errors
    }

    fn validate_production(&self, errors: &mut Vec<ConfigError>) {
        match self.secret_key() {
            Err(missing) => errors.push(missing),
            Ok(secret) => errors.extend(weakness("SECRET_KEY", secret)),
        }
        if let Some(secret) = &self.secret_key_previous {
            errors.extend(weakness("SECRET_KEY_PREVIOUS", secret));
        }
        match &self.metrics_token {
            None => errors.push(ConfigError::Missing {
                name: "METRICS_TOKEN",
                remedy: "production needs one to guard /metrics; make one with `openssl rand -hex 24`",
            }),
            Some(token) if token.as_bytes().len() < 16 => errors.push(ConfigError::Unsafe {
                name: "METRICS_TOKEN",
                reason: "is shorter than 16 bytes".to_owned(),
                remedy: "make one with `openssl rand -hex 24`",
            }),
            Some(_) => {}
        }
        // These tell nobody its address.
        let is_silent = matches!(self.role, Role::Registry | Role::Backup);
        if self.public_url.is_none() && !is_silent {
            errors.push(ConfigError::Missing {
                name: "PUBLIC_URL",
                remedy: "set it to where people and programs reach the gateway, such as https://api.example.com",
            });
        }
        if self.cors_origins == CorsOrigins::Any {
            errors.push(ConfigError::Unsafe {
                name: "CORS_ORIGINS",
                reason: "is `*`, so that any web page could call the API".to_owned(),
                remedy: "list the exact origins, such as https://admin.example.com",
            });
        }
        let of_several = matches!(self.role, Role::Registry | Role::Core);
        if of_several && self.database_kind() == DatabaseKind::Sqlite {
            errors.push(ConfigError::Unsafe {
                name: "DATABASE_URL",
                reason: "names a SQLite file, which separate processes cannot share".to_owned(),
                remedy: "set it to a postgresql:// URL, or run everything in one process with `saas up`",
            });
        }
        for (name, url) in [
            ("PUBLIC_URL", &self.public_url),
            ("CONSOLE_URL", &self.console_url),
        ] {
            if url.as_deref().is_some_and(is_plain_http_elsewhere) {
                errors.push(ConfigError::Unsafe {
                    name,
                    reason: "is plain http, so that passwords and tokens would travel in the clear"
                        .to_owned(),
                    remedy: "set it to an https:// address",
                });
            }
        }
    }

    /// What is unsafe but allowed in development, as sentences for the log.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.environment.is_production() {
            if let Some(weak) = self
                .secret_key
                .as_ref()
                .and_then(|secret| weakness("SECRET_KEY", secret))
            {
                warnings.push(weak.to_string());
            }
            if !self.host.is_loopback() {
                warnings.push(format!(
                    "HOST is {}, so that other machines reach a platform in development; \
                     set ENVIRONMENT=production if they should",
                    self.host
                ));
            }
        }
        warnings
    }

    fn origin(&self, name: &str) -> crate::Origin {
        let shown = self.show();
        let found = shown.into_iter().find(|shown| shown.setting.name == name);
        found.map_or(crate::Origin::Default, |shown| shown.origin)
    }
}

/// Why a root secret could be guessed, if it could.
fn weakness(name: &'static str, secret: &Secret) -> Option<ConfigError> {
    let bytes = secret.as_bytes();
    let reason = if bytes.len() < SHORTEST_SECRET {
        format!("has {} bytes, fewer than {SHORTEST_SECRET}", bytes.len())
    } else if is_sample(secret.expose()) {
        "looks like a sample from documentation".to_owned()
    } else if has_little_variety(bytes) {
        "repeats itself, so that it could be guessed".to_owned()
    } else {
        return None;
    };
    Some(ConfigError::Unsafe {
        name,
        reason,
        remedy: MAKE_A_SECRET,
    })
}

fn is_sample(secret: &str) -> bool {
    let letters: String = secret
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_lowercase())
        .collect();
    SAMPLE_WORDS.iter().any(|word| letters.contains(word))
}

fn has_little_variety(bytes: &[u8]) -> bool {
    let mut different = bytes.to_vec();
    different.sort_unstable();
    different.dedup();
    let repeats =
        (1..=bytes.len() / 2).any(|period| bytes[period..] == bytes[..bytes.len() - period]);
    let steps = bytes
        .windows(2)
        .filter(|pair| pair[0].abs_diff(pair[1]) <= 1)
        .count();
    different.len() < FEWEST_DIFFERENT_BYTES || repeats || steps > bytes.len() / 2
}

/// Whether an address sends what it is told in the clear to another machine.
pub(crate) fn is_plain_http_elsewhere(url: &str) -> bool {
    let Some(authority) = url.strip_prefix("http://") else {
        return false;
    };
    let host = match authority.strip_prefix('[') {
        Some(literal) => literal.split(']').next(),
        None => authority.split(':').next(),
    };
    let host = host.unwrap_or_default();
    let loopback = host.parse::<std::net::IpAddr>().map_or(
        host == "localhost" || host.ends_with(".localhost"),
        |address| address.is_loopback(),
    );
    !loopback
}
