//! All settings, typed.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    BackupSettings, ConfigError, CorsOrigins, Environment, LogFormat, LogLevel, Networks, Role,
    SETTINGS, Secret, SettingInfo, Shown, Signup, Sources, TlsSettings, TraceSettings,
    sources::Resolved, tls,
};

/// Which database the platform stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseKind {
    /// One file, one process.
    Sqlite,
    /// A server, many processes.
    Postgres,
}

/// The settings of one process. [`crate::SETTINGS`] says what each means.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which process this is.
    pub role: Role,
    /// `ENVIRONMENT`.
    pub environment: Environment,
    /// `LOG_LEVEL`.
    pub log_level: LogLevel,
    /// `LOG_FORMAT`.
    pub log_format: LogFormat,
    /// `DATA_DIR`.
    pub data_dir: PathBuf,
    /// `HOST`.
    pub host: IpAddr,
    /// `GATEWAY_PORT`.
    pub gateway_port: u16,
    /// `REGISTRY_PORT`.
    pub registry_port: u16,
    /// `CORE_PORT`.
    pub core_port: u16,
    /// `BACKUP_PORT`.
    pub backup_port: u16,
    /// `DATABASE_URL`, or the SQLite file in the data directory.
    pub database_url: Secret,
    /// `DATABASE_MIN_CONNECTIONS`.
    pub database_min_connections: u32,
    /// `DATABASE_MAX_CONNECTIONS`.
    pub database_max_connections: u32,
    /// `REDIS_URL`.
    pub redis_url: Option<Secret>,
    /// `SECRET_KEY`; see [`Settings::secret_key`].
    pub secret_key: Option<Secret>,
    /// `SECRET_KEY_PREVIOUS`.
    pub secret_key_previous: Option<Secret>,
    /// `PUBLIC_URL` as `scheme://host[:port]`; see [`Settings::public_url`].
    pub public_url: Option<String>,
    /// `CONSOLE_URL` as `scheme://host[:port]`; see [`Settings::console_url`].
    pub console_url: Option<String>,
    /// `REGISTRY_URL`, one for each replica, without a slash at the end.
    pub registry_urls: Vec<String>,
    /// `ADVERTISE_ADDRESS`.
    pub advertise_address: Option<String>,
    /// `METRICS_TOKEN`.
    pub metrics_token: Option<Secret>,
    /// `CORS_ORIGINS`.
    pub cors_origins: CorsOrigins,
    /// `TRUSTED_PROXIES`.
    pub trusted_proxies: Networks,
    /// `UPSTREAM_NETWORKS`.
    pub upstream_networks: Networks,
    /// `RATE_LIMIT_PER_TENANT`, requests a second; `None` for no limit.
    pub rate_limit_per_tenant: Option<u32>,
    /// `RATE_LIMIT_PER_ADDRESS`, requests a second; `None` for no limit.
    pub rate_limit_per_address: Option<u32>,
    /// `MAX_UPLOAD_MIB` in bytes; `None` for no limit.
    pub max_upload_bytes: Option<u64>,
    /// `GATEWAY_THREADS`, or the number of cores.
    pub gateway_threads: usize,
    /// `ACCESS_TOKEN_EXPIRE_MINUTES`.
    pub access_token_lifetime: Duration,
    /// `REFRESH_TOKEN_EXPIRE_DAYS`.
    pub refresh_token_lifetime: Duration,
    /// `SIGNUP`.
    pub signup: Signup,
    /// `ADMIN_EMAIL`.
    pub admin_email: String,
    /// `ADMIN_PASSWORD`.
    pub admin_password: Option<Secret>,
    /// `SHUTDOWN_GRACE_SECONDS`.
    pub shutdown_grace: Duration,
    /// Everything about TLS.
    pub tls: TlsSettings,
    /// Where backups lie, and for how long.
    pub backup: BackupSettings,
    /// Everything about traces.
    pub traces: TraceSettings,
    resolved: Resolved,
}

const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * 60;

impl Settings {
    /// The settings from given sources, checked by [`Settings::validate`].
    pub fn load(role: Role, sources: &Sources) -> Result<Self, ConfigError> {
        let settings = Self::from_sources(role, sources)?;
        match settings.validate().into_iter().next() {
            None => Ok(settings),
            Some(error) => Err(error),
        }
    }

    /// The settings from given sources, typed but not yet checked for safety: for tests, and for
    /// commands that show settings rather than use them.
    pub fn from_sources(role: Role, sources: &Sources) -> Result<Self, ConfigError> {
        let from = sources.resolve()?;
        let environment = from.environment()?;
        let data_dir = PathBuf::from(from.text("DATA_DIR").unwrap_or("./data"));
        let backup = BackupSettings::read(&from, &data_dir)?;
        let tls = TlsSettings::read(&from, environment)?;
        let database_url =
            from.secret_url("DATABASE_URL", &["postgresql://", "postgres://", "sqlite:"])?;
        Ok(Self {
            role,
            environment,
            log_level: from.log_level()?,
            log_format: from.log_format()?,
            host: host(&from, environment)?,
            gateway_port: from.port("GATEWAY_PORT")?,
            registry_port: from.port("REGISTRY_PORT")?,
            core_port: from.port("CORE_PORT")?,
            backup_port: from.port("BACKUP_PORT")?,
            database_url: match database_url {
                Some(url) => tls::with_authorities(url, tls.ca_file.as_deref()),
                None => sqlite_in(&data_dir),
            },
            data_dir,
            database_min_connections: from.number("DATABASE_MIN_CONNECTIONS", 0, 1000)?,
            database_max_connections: from.number("DATABASE_MAX_CONNECTIONS", 1, 1000)?,
            redis_url: from.secret_url("REDIS_URL", &["redis://", "rediss://"])?,
            secret_key: from.secret("SECRET_KEY"),
            secret_key_previous: from.secret("SECRET_KEY_PREVIOUS"),
            public_url: from.origin_url("PUBLIC_URL")?,
            console_url: from.origin_url("CONSOLE_URL")?,
            registry_urls: from.registry_urls()?,
            advertise_address: from.text("ADVERTISE_ADDRESS").map(str::to_owned),
            metrics_token: from.secret("METRICS_TOKEN"),
            cors_origins: from.cors_origins()?,
            trusted_proxies: from.networks("TRUSTED_PROXIES")?,
            upstream_networks: from.networks("UPSTREAM_NETWORKS")?,
            rate_limit_per_tenant: rate_limit(&from, "RATE_LIMIT_PER_TENANT")?,
            rate_limit_per_address: rate_limit(&from, "RATE_LIMIT_PER_ADDRESS")?,
            max_upload_bytes: match from.number("MAX_UPLOAD_MIB", 0, 1_u64 << 30)? {
                0 => None,
                mebibytes => Some(mebibytes << 20),
            },
            gateway_threads: match from.optional_number("GATEWAY_THREADS", 1, 256)? {
                Some(threads) => threads,
                None => std::thread::available_parallelism().map_or(1, usize::from),
            },
            access_token_lifetime: from.duration(
                "ACCESS_TOKEN_EXPIRE_MINUTES",
                MINUTE,
                1,
                24 * 60,
            )?,
            refresh_token_lifetime: from.duration("REFRESH_TOKEN_EXPIRE_DAYS", DAY, 1, 365)?,
            signup: from.signup()?.unwrap_or(match environment {
                Environment::Development => Signup::Open,
                Environment::Production => Signup::Closed,
            }),
            admin_email: admin_email(&from)?,
            admin_password: from.secret("ADMIN_PASSWORD"),
            shutdown_grace: from.duration("SHUTDOWN_GRACE_SECONDS", 1, 0, 3600)?,
            tls,
            backup,
            traces: TraceSettings::read(&from)?,
            resolved: from,
        })
    }

    /// Settings for a test: development, everything in `dir`, free ports, a secret. Change its
    /// fields to taste.
    pub fn for_tests(dir: &Path) -> Result<Self, ConfigError> {
        let sources = Sources::new(dir)
            .with_variable("DATA_DIR", dir.display().to_string())
            .with_variable("SECRET_KEY", "wQ8s1Zt5Kc0Vb7Xn3Lm9Pd2Rf6Hj4Gy-test")
            .with_variable("GATEWAY_PORT", "0")
            .with_variable("REGISTRY_PORT", "0")
            .with_variable("CORE_PORT", "0")
            .with_variable("BACKUP_PORT", "0")
            .with_variable("HTTPS_PORT", "0")
            .with_variable("GATEWAY_THREADS", "2")
            .with_variable("SHUTDOWN_GRACE_SECONDS", "5");
        Self::from_sources(Role::Up, &sources)
    }

    /// The root secret; an error that says how to make one if there is none. In development
    /// [`Settings::ensure_development_secret`] makes one before.
    pub fn secret_key(&self) -> Result<&Secret, ConfigError> {
        self.secret_key.as_ref().ok_or(ConfigError::Missing {
            name: "SECRET_KEY",
            remedy: "make one with `openssl rand -base64 48` and give every process the same",
        })
    }

    /// Where people and programs reach the gateway, and the issuer of tokens. `gateway` is the
    /// address the gateway listens on, if it is known; else the port in the settings counts.
    pub fn public_url(&self, gateway: Option<SocketAddr>) -> String {
        if let Some(url) = &self.public_url {
            return url.clone();
        }
        let port = gateway.map_or(self.gateway_port, |address| address.port());
        let host = gateway.map_or(self.host, |address| address.ip());
        if host.is_unspecified() || host == IpAddr::V4(Ipv4Addr::LOCALHOST) {
            format!("http://127.0.0.1:{port}")
        } else {
            format!("http://{}", SocketAddr::new(host, port))
        }
    }

    /// Where people reach the console: the public address unless `CONSOLE_URL` says otherwise.
    pub fn console_url(&self, gateway: Option<SocketAddr>) -> String {
        match &self.console_url {
            Some(url) => url.clone(),
            None => self.public_url(gateway),
        }
    }

    /// Which database [`Settings::database_url`] names.
    pub fn database_kind(&self) -> DatabaseKind {
        if self.database_url.expose().starts_with("sqlite:") {
            DatabaseKind::Sqlite
        } else {
            DatabaseKind::Postgres
        }
    }

    /// The settings that have another value in `newer`.
    pub fn differences(&self, newer: &Self) -> Vec<&'static SettingInfo> {
        let differs = |setting: &&SettingInfo| {
            self.resolved.text(setting.name) != newer.resolved.text(setting.name)
        };
        SETTINGS.iter().filter(differs).collect()
    }

    /// Every setting with its value and where it came from. Secrets are not shown.
    pub fn show(&self) -> Vec<Shown> {
        self.resolved.show()
    }
}

fn host(from: &Resolved, environment: Environment) -> Result<IpAddr, ConfigError> {
    let host = from.read("HOST", |text| match text.trim() {
        "localhost" => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        text => text.parse().map_err(|_| {
            "expected an IP address, such as 127.0.0.1, or 0.0.0.0 for all".to_owned()
        }),
    })?;
    Ok(host.unwrap_or(IpAddr::V4(match environment {
        Environment::Development => Ipv4Addr::LOCALHOST,
        Environment::Production => Ipv4Addr::UNSPECIFIED,
    })))
}

fn sqlite_in(data_dir: &Path) -> Secret {
    Secret::new(format!("sqlite://{}", data_dir.join("saas.db").display()))
}

fn rate_limit(from: &Resolved, name: &'static str) -> Result<Option<u32>, ConfigError> {
    let limit = from.number(name, 0, 1_000_000_000)?;
    Ok((limit > 0).then_some(limit))
}

fn admin_email(from: &Resolved) -> Result<String, ConfigError> {
    let email = from.read("ADMIN_EMAIL", |text| {
        text.parse::<saas_domain::EmailAddress>()
            .map(|email| email.to_string())
            .map_err(|error| error.to_string())
    })?;
    Ok(email.unwrap_or_default())
}
