//! Settings of TLS.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use crate::{ConfigError, Environment, Secret, parse::quotable, sources::Resolved};

/// Let's Encrypt.
const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// What the gateway shows, and whom every process believes.
#[derive(Clone, Debug)]
pub struct TlsSettings {
    /// `TLS_CA_FILE`.
    pub ca_file: Option<PathBuf>,
    /// `TLS_CERT_FILE` and `TLS_KEY_FILE`: a certificate's file and its key's. The first is for
    /// clients that name no host.
    pub certificates: Vec<(PathBuf, PathBuf)>,
    /// `TLS_MIN_VERSION`: whether TLS 1.2 is refused.
    pub only_tls13: bool,
    /// `HTTPS_PORT`.
    pub https_port: u16,
    /// `HTTP_REDIRECT_PORT`.
    pub redirect_port: Option<u16>,
    /// `ACME_DOMAINS` and what belongs to it.
    pub acme: Option<AcmeSettings>,
}

/// Certificates from an authority that speaks ACME (RFC 8555).
#[derive(Clone, Debug)]
pub struct AcmeSettings {
    /// `ACME_DOMAINS`, in lower case.
    pub domains: Vec<String>,
    /// `ACME_EMAIL`.
    pub email: Option<String>,
    /// `ACME_DIRECTORY_URL`.
    pub directory_url: String,
}

impl TlsSettings {
    /// Whether the gateway serves https.
    pub fn is_served(&self) -> bool {
        self.acme.is_some() || !self.certificates.is_empty()
    }

    pub(crate) fn read(from: &Resolved, environment: Environment) -> Result<Self, ConfigError> {
        let settings = Self {
            ca_file: from.text("TLS_CA_FILE").map(PathBuf::from),
            certificates: certificates(from)?,
            only_tls13: from.read("TLS_MIN_VERSION", |text| match text.trim() {
                "1.2" => Ok(false),
                "1.3" => Ok(true),
                _ => Err("expected 1.2 or 1.3; older versions are broken".to_owned()),
            })? == Some(true),
            https_port: from.port("HTTPS_PORT")?,
            redirect_port: from.optional_number("HTTP_REDIRECT_PORT", 0, u16::MAX)?,
            acme: acme(from, environment)?,
        };
        if settings.acme.is_some() && !settings.certificates.is_empty() {
            return Err(invalid(
                from,
                "ACME_DOMAINS",
                "TLS_CERT_FILE is set as well; unset one of them",
            ));
        }
        if settings.redirect_port.is_some() && !settings.is_served() {
            return Err(invalid(
                from,
                "HTTP_REDIRECT_PORT",
                "there is no https to lead to; set TLS_CERT_FILE and TLS_KEY_FILE, or ACME_DOMAINS",
            ));
        }
        Ok(settings)
    }
}

fn invalid(from: &Resolved, name: &'static str, reason: &str) -> ConfigError {
    ConfigError::Invalid {
        name,
        value: from.text(name).and_then(quotable).map(str::to_owned),
        origin: from.origin(name),
        reason: reason.to_owned(),
    }
}

fn paths(from: &Resolved, name: &'static str) -> Vec<PathBuf> {
    let items = from.text(name).unwrap_or_default().split(',');
    let items = items.map(str::trim).filter(|item| !item.is_empty());
    items.map(PathBuf::from).collect()
}

fn certificates(from: &Resolved) -> Result<Vec<(PathBuf, PathBuf)>, ConfigError> {
    let certificates = paths(from, "TLS_CERT_FILE");
    let keys = paths(from, "TLS_KEY_FILE");
    match (certificates.len(), keys.len()) {
        (certificates, 0) if certificates > 0 => Err(ConfigError::Missing {
            name: "TLS_KEY_FILE",
            remedy: "set it to the key of the certificate in TLS_CERT_FILE",
        }),
        (0, keys) if keys > 0 => Err(ConfigError::Missing {
            name: "TLS_CERT_FILE",
            remedy: "set it to the certificate of the key in TLS_KEY_FILE",
        }),
        (certificates, keys) if certificates != keys => Err(invalid(
            from,
            "TLS_KEY_FILE",
            &format!(
                "expected {certificates} files, one for each of TLS_CERT_FILE, in the same order"
            ),
        )),
        _ => Ok(certificates.into_iter().zip(keys).collect()),
    }
}

fn acme(from: &Resolved, environment: Environment) -> Result<Option<AcmeSettings>, ConfigError> {
    let domains = from.read("ACME_DOMAINS", |text| {
        let items = text.split(',').map(str::trim);
        let items = items.filter(|item| !item.is_empty());
        items.map(domain).collect::<Result<Vec<_>, _>>()
    })?;
    let Some(domains) = domains.filter(|domains| !domains.is_empty()) else {
        return Ok(None);
    };
    let agrees = from.read("ACME_AGREE_TERMS", |text| {
        match text.trim().to_ascii_lowercase().as_str() {
            "yes" | "true" => Ok(true),
            "no" | "false" => Ok(false),
            _ => Err("expected yes or no".to_owned()),
        }
    })?;
    if agrees != Some(true) {
        return Err(ConfigError::Missing {
            name: "ACME_AGREE_TERMS",
            remedy: "read the terms of the authority at ACME_DIRECTORY_URL (Let's Encrypt: https://letsencrypt.org/repository/) and set it to yes if you agree",
        });
    }
    let email = from.read("ACME_EMAIL", |text| {
        let address: Result<saas_domain::EmailAddress, _> = text.trim().parse();
        address
            .map(|address| address.to_string())
            .map_err(|error| error.to_string())
    })?;
    let directory_url = from.read("ACME_DIRECTORY_URL", |text| {
        let url = text.trim();
        // Pebble and its like are asked on loopback; anything else could be anybody.
        let is_loopback = ["http://127.0.0.1:", "http://localhost:", "http://[::1]:"]
            .iter()
            .any(|start| url.starts_with(start));
        let is_sound = url.starts_with("https://") || is_loopback && !environment.is_production();
        is_sound
            .then(|| url.to_owned())
            .ok_or_else(|| "expected an https:// address".to_owned())
    })?;
    Ok(Some(AcmeSettings {
        domains,
        email,
        directory_url: directory_url.unwrap_or_else(|| LETS_ENCRYPT.to_owned()),
    }))
}

/// A host's name, as authorities certify it.
fn domain(text: &str) -> Result<String, String> {
    if text.starts_with("*.") {
        return Err(format!(
            "`{text}` stands for many hosts, which needs a challenge by DNS; name each host, or use certbot, Traefik or cert-manager"
        ));
    }
    if text.parse::<std::net::IpAddr>().is_ok() {
        return Err(format!("`{text}` is an address; name the host"));
    }
    let is_label = |label: &str| {
        let mut bytes = label.bytes();
        (1..=63).contains(&label.len())
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_host = text.len() <= 253 && text.contains('.') && text.split('.').all(is_label);
    is_host.then(|| text.to_ascii_lowercase()).ok_or_else(|| {
        format!(
            "`{text}` is not a host such as api.example.com (write other letters in their xn-- form)"
        )
    })
}

/// A PostgreSQL URL that names the authorities of `TLS_CA_FILE`, unless it names others.
pub(crate) fn with_authorities(url: Secret, ca_file: Option<&Path>) -> Secret {
    let Some(path) = ca_file else {
        return url;
    };
    let text = url.expose();
    let is_postgres = text.starts_with("postgres:") || text.starts_with("postgresql:");
    if !is_postgres || text.contains("sslrootcert=") || text.contains("ssl-root-cert=") {
        return url;
    }
    let mut named = format!(
        "{text}{}sslrootcert=",
        if text.contains('?') { '&' } else { '?' }
    );
    for byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(byte) {
            named.push(char::from(*byte));
        } else {
            let _ = write!(named, "%{byte:02X}");
        }
    }
    Secret::new(named)
}
