//! The table of all settings.

/// Which of the platform's processes reads a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// `saas up`: everything in one process.
    Up,
    /// `saas registry`.
    Registry,
    /// `saas core`.
    Core,
    /// `saas gateway`.
    Gateway,
    /// `saas backup schedule`.
    Backup,
    /// A command that does its work and ends, such as `saas migrate`.
    Tool,
}

impl Role {
    /// The role's name, as its command.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Registry => "registry",
            Self::Core => "core",
            Self::Gateway => "gateway",
            Self::Backup => "backup",
            Self::Tool => "tool",
        }
    }

    /// Whether the process opens the database.
    pub const fn uses_database(self) -> bool {
        !matches!(self, Self::Gateway)
    }
}

/// What is to be known about one setting.
#[derive(Clone, Copy, Debug)]
pub struct SettingInfo {
    /// The variable's name; in the settings file, the same in lower case.
    pub name: &'static str,
    /// The value when nothing else is said; `None` where there is none, or where `meaning` says how
    /// it is made.
    pub default: Option<&'static str>,
    /// Whether it is never shown. Such a setting may also come from the file `<NAME>_FILE` names.
    pub secret: bool,
    /// Whether a change takes effect on SIGHUP, without a restart.
    pub reloadable: bool,
    /// Who reads it.
    pub roles: &'static [Role],
    /// What it means, with its unit.
    pub meaning: &'static str,
}

impl SettingInfo {
    /// The setting of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.name == name)
    }

    /// The setting whose name is closest to a misspelt one.
    pub(crate) fn closest(name: &str) -> Option<&'static str> {
        let scored = SETTINGS
            .iter()
            .map(|setting| (distance(setting.name, name), setting.name));
        let (distance, closest) = scored.min()?;
        (distance <= 3).then_some(closest)
    }
}

/// Levenshtein's distance: how many letters have to be added, removed or changed.
fn distance(left: &str, right: &str) -> usize {
    let right = right.as_bytes();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (above, left) in left.bytes().enumerate() {
        let mut diagonal = above;
        let mut previous = above + 1;
        if let Some(first) = row.first_mut() {
            *first = previous;
        }
        for (cell, right) in row.iter_mut().skip(1).zip(right) {
            let changed = diagonal + usize::from(left != *right);
            diagonal = *cell;
            previous = changed.min(previous + 1).min(diagonal + 1);
            *cell = previous;
        }
    }
    row.last().copied().unwrap_or_default()
}

const ALL: &[Role] = &[
    Role::Up,
    Role::Registry,
    Role::Core,
    Role::Gateway,
    Role::Backup,
    Role::Tool,
];
const SERVERS: &[Role] = &[
    Role::Up,
    Role::Registry,
    Role::Core,
    Role::Gateway,
    Role::Backup,
];
const WITH_DATABASE: &[Role] = &[
    Role::Up,
    Role::Registry,
    Role::Core,
    Role::Backup,
    Role::Tool,
];
const BACKUP: &[Role] = &[Role::Up, Role::Backup, Role::Tool];
const SCHEDULE: &[Role] = &[Role::Up, Role::Backup];
const CORE: &[Role] = &[Role::Up, Role::Core];
const GATEWAY: &[Role] = &[Role::Up, Role::Gateway];
const UPSTREAM: &[Role] = &[Role::Up, Role::Registry, Role::Gateway];
const BEHIND_REGISTRY: &[Role] = &[Role::Core, Role::Gateway];

const fn setting(
    name: &'static str,
    default: Option<&'static str>,
    roles: &'static [Role],
    meaning: &'static str,
) -> SettingInfo {
    SettingInfo {
        name,
        default,
        secret: false,
        reloadable: false,
        roles,
        meaning,
    }
}

const fn reloadable(
    name: &'static str,
    default: Option<&'static str>,
    roles: &'static [Role],
    meaning: &'static str,
) -> SettingInfo {
    SettingInfo {
        reloadable: true,
        ..setting(name, default, roles, meaning)
    }
}

const fn secret(name: &'static str, roles: &'static [Role], meaning: &'static str) -> SettingInfo {
    SettingInfo {
        secret: true,
        ..setting(name, None, roles, meaning)
    }
}

const fn reloadable_secret(
    name: &'static str,
    roles: &'static [Role],
    meaning: &'static str,
) -> SettingInfo {
    SettingInfo {
        reloadable: true,
        ..secret(name, roles, meaning)
    }
}

/// Every setting there is, in the order to show them.
pub const SETTINGS: &[SettingInfo] = &[
    setting(
        "ENVIRONMENT",
        Some("development"),
        ALL,
        "`development` or `production`; production means safe defaults and a refusal to start on unsafe settings",
    ),
    reloadable(
        "LOG_LEVEL",
        Some("info"),
        ALL,
        "`error`, `warn` (or `warning`), `info`, `debug` or `trace`, in any case",
    ),
    setting(
        "LOG_FORMAT",
        Some("auto"),
        ALL,
        "`json`, `pretty`, or `auto`: readable in a terminal outside production, else one JSON object a line",
    ),
    setting(
        "DATA_DIR",
        Some("./data"),
        ALL,
        "where the SQLite database, the last good copies and run.json lie",
    ),
    setting(
        "HOST",
        None,
        SERVERS,
        "the address to listen on; 127.0.0.1 in development, 0.0.0.0 in production unless set",
    ),
    setting(
        "GATEWAY_PORT",
        Some("8000"),
        ALL,
        "the gateway's port; 0 picks a free one",
    ),
    setting(
        "REGISTRY_PORT",
        Some("8001"),
        ALL,
        "the registry's port; 0 picks a free one",
    ),
    setting(
        "CORE_PORT",
        Some("8002"),
        ALL,
        "core's port; 0 picks a free one",
    ),
    setting(
        "BACKUP_PORT",
        Some("8003"),
        ALL,
        "the port of `saas backup schedule`, for its health and metrics; 0 picks a free one",
    ),
    secret(
        "DATABASE_URL",
        WITH_DATABASE,
        "`postgresql://user:password@host:5432/db` or `sqlite:///path/file.db`; SQLite in the data directory unless set",
    ),
    setting(
        "DATABASE_MIN_CONNECTIONS",
        Some("20"),
        WITH_DATABASE,
        "PostgreSQL connections kept open",
    ),
    setting(
        "DATABASE_MAX_CONNECTIONS",
        Some("60"),
        WITH_DATABASE,
        "PostgreSQL connections at most",
    ),
    secret(
        "REDIS_URL",
        SERVERS,
        "`redis://:password@host:6379/0`, where cores cache and gateways count limits together; unless set, a cache in the process, and limits by each gateway's share",
    ),
    secret(
        "SECRET_KEY",
        ALL,
        "the root secret, 32 bytes at least, from which every other key derives; in development one is made and kept in the data directory",
    ),
    secret(
        "SECRET_KEY_PREVIOUS",
        ALL,
        "another root secret that is accepted beside it: the next one or the one before, while rotating",
    ),
    setting(
        "PUBLIC_URL",
        None,
        SERVERS,
        "where people and programs reach the gateway; the issuer of tokens; the gateway's own address unless set",
    ),
    setting(
        "CONSOLE_URL",
        None,
        SERVERS,
        "where people reach the console; PUBLIC_URL unless set",
    ),
    setting(
        "REGISTRY_URL",
        Some("http://127.0.0.1:8001"),
        BEHIND_REGISTRY,
        "where the registry answers; several replicas are separated by commas",
    ),
    setting(
        "ADVERTISE_ADDRESS",
        None,
        SERVERS,
        "the address this process registers as, such as the pod's; the address it listens on unless set",
    ),
    secret(
        "METRICS_TOKEN",
        SERVERS,
        "the bearer token that opens /metrics, details of /health and the registry's reads; required in production",
    ),
    reloadable(
        "CORS_ORIGINS",
        Some(""),
        GATEWAY,
        "origins whose pages may call the API, separated by commas; `*` for all, in development only",
    ),
    setting(
        "TRUSTED_PROXIES",
        Some(""),
        SERVERS,
        "addresses or ranges whose X-Forwarded-For is believed, separated by commas",
    ),
    setting(
        "UPSTREAM_NETWORKS",
        Some("127.0.0.0/8,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10,fc00::/7"),
        UPSTREAM,
        "addresses or ranges in which instances may lie, separated by commas; link-local ones and those where clouds keep their metadata never may",
    ),
    reloadable(
        "RATE_LIMIT_PER_TENANT",
        Some("500"),
        GATEWAY,
        "requests a second for each tenant, with a burst of twice that; 0 for no limit",
    ),
    reloadable(
        "RATE_LIMIT_PER_ADDRESS",
        Some("200"),
        GATEWAY,
        "requests a second for each client address, with a burst of twice that; 0 for no limit",
    ),
    reloadable(
        "MAX_UPLOAD_MIB",
        Some("100"),
        GATEWAY,
        "the largest request body that passes the gateway, in MiB; 0 for no limit",
    ),
    setting(
        "GATEWAY_THREADS",
        None,
        GATEWAY,
        "the gateway's worker threads; one for each core unless set",
    ),
    setting(
        "TLS_CERT_FILE",
        None,
        GATEWAY,
        "the gateway's certificate with its chain, PEM; with it the gateway serves https on HTTPS_PORT; several are separated by commas and chosen by host; new files are picked up within a minute",
    ),
    setting(
        "TLS_KEY_FILE",
        None,
        GATEWAY,
        "the key of TLS_CERT_FILE, PEM without a passphrase; as many as there are certificates, in the same order",
    ),
    setting(
        "TLS_MIN_VERSION",
        Some("1.2"),
        GATEWAY,
        "the oldest version of TLS that is spoken, `1.2` or `1.3`",
    ),
    setting(
        "HTTPS_PORT",
        Some("8443"),
        GATEWAY,
        "the gateway's port for https, beside GATEWAY_PORT; 0 picks a free one; used with TLS_CERT_FILE or ACME_DOMAINS alone",
    ),
    setting(
        "HTTP_REDIRECT_PORT",
        None,
        GATEWAY,
        "a port at which everybody is told to come by https; none unless set",
    ),
    setting(
        "TLS_CA_FILE",
        None,
        ALL,
        "authorities to believe beside the system's, PEM: for PostgreSQL (`sslmode=verify-full`), Redis (`rediss://`) and other services that are called",
    ),
    setting(
        "ACME_DOMAINS",
        None,
        GATEWAY,
        "hosts for which the gateway obtains and renews a certificate by ACME, separated by commas; for one gateway, whose HTTPS_PORT they reach as 443",
    ),
    setting(
        "ACME_EMAIL",
        None,
        GATEWAY,
        "whom the authority may write to",
    ),
    setting(
        "ACME_DIRECTORY_URL",
        None,
        GATEWAY,
        "the authority; Let's Encrypt unless set",
    ),
    setting(
        "ACME_AGREE_TERMS",
        None,
        GATEWAY,
        "`yes`: you agree to the authority's terms; needed with ACME_DOMAINS",
    ),
    setting(
        "ACCESS_TOKEN_EXPIRE_MINUTES",
        Some("30"),
        CORE,
        "how long an access token lives",
    ),
    setting(
        "REFRESH_TOKEN_EXPIRE_DAYS",
        Some("7"),
        CORE,
        "how long a session lives without use",
    ),
    setting(
        "SIGNUP",
        None,
        CORE,
        "`open` or `closed`: whether strangers may open an account; open in development, closed in production unless set",
    ),
    setting(
        "ADMIN_EMAIL",
        Some("admin@localhost"),
        CORE,
        "the first administrator's e-mail address",
    ),
    secret(
        "ADMIN_PASSWORD",
        CORE,
        "the first administrator's password; unless set, one is made, printed once and must be changed",
    ),
    setting(
        "BACKUP_DIR",
        None,
        BACKUP,
        "the directory for backups; `backups` in DATA_DIR unless set",
    ),
    setting(
        "BACKUP_COMPRESSION",
        Some("zstd"),
        BACKUP,
        "how backups are compressed: `zstd`, or `gzip`, which every machine reads",
    ),
    setting(
        "BACKUP_RECIPIENTS",
        None,
        BACKUP,
        "public keys of age (`age1…`, made by `age-keygen`), separated by commas, for which backups are encrypted; unless set, they are not",
    ),
    secret(
        "BACKUP_IDENTITY",
        BACKUP,
        "the secret key of age that decrypts them (`AGE-SECRET-KEY-1…`); whoever only makes backups needs none, whoever proves them by drills does",
    ),
    setting(
        "BACKUP_RETENTION_DAYS",
        Some("7"),
        BACKUP,
        "for how many days `saas backup prune` keeps every backup; the newest one is always kept",
    ),
    setting(
        "BACKUP_KEEP_DAILY",
        Some("0"),
        BACKUP,
        "of how many days that have a backup, by UTC, the newest one of each is kept as well; a backup stays as long as any rule keeps it",
    ),
    setting(
        "BACKUP_KEEP_WEEKLY",
        Some("0"),
        BACKUP,
        "the same of weeks, which begin on Monday",
    ),
    setting(
        "BACKUP_KEEP_MONTHLY",
        Some("0"),
        BACKUP,
        "the same of months",
    ),
    setting(
        "BACKUP_S3_BUCKET",
        None,
        BACKUP,
        "a bucket of S3-compatible storage to which backups are copied; unless set, they lie in BACKUP_DIR alone",
    ),
    setting(
        "BACKUP_S3_PREFIX",
        None,
        BACKUP,
        "what stands before their names in the bucket, such as `production`; each installation needs a place of its own",
    ),
    setting(
        "BACKUP_S3_ENDPOINT",
        None,
        BACKUP,
        "where the storage answers, such as `https://s3.example.com`; unless set, that of AWS for the region",
    ),
    setting(
        "BACKUP_S3_REGION",
        Some("us-east-1"),
        BACKUP,
        "the bucket's region",
    ),
    secret(
        "BACKUP_S3_ACCESS_KEY_ID",
        BACKUP,
        "the name of a key that may use the bucket; BACKUP.md lists the rights it needs",
    ),
    secret(
        "BACKUP_S3_SECRET_ACCESS_KEY",
        BACKUP,
        "the secret that belongs to it",
    ),
    setting(
        "BACKUP_S3_PART_SIZE_MIB",
        Some("16"),
        BACKUP,
        "MiB that are sent at once, which is what a copy takes in memory; a larger backup is sent in parts of this size, 5 to 1024",
    ),
    setting(
        "BACKUP_SCHEDULE",
        Some("0 2 * * *"),
        SCHEDULE,
        "when `saas up` and `saas backup schedule` make a backup: a cron expression of five fields (minute, hour, day, month, weekday) in UTC, or `off`",
    ),
    secret(
        "BACKUP_ON_SUCCESS",
        BACKUP,
        "what hears of a backup that was made: a URL, which is sent JSON by POST, or the absolute path of a program",
    ),
    secret(
        "BACKUP_ON_FAILURE",
        BACKUP,
        "what hears of a backup that failed, in the same way",
    ),
    setting(
        "BACKUP_DRILL_SCHEDULE",
        Some("0 3 1 */3 *"),
        SCHEDULE,
        "when `saas up` and `saas backup schedule` prove by a drill that the newest backup can be used, in the same form, or `off`",
    ),
    setting(
        "RECOVERY_TIME_OBJECTIVE_SECONDS",
        Some("3600"),
        BACKUP,
        "how long it may take from the beginning of a restore to the first sign-in; a drill that takes longer fails",
    ),
    setting(
        "RECOVERY_POINT_OBJECTIVE_SECONDS",
        Some("86400"),
        BACKUP,
        "how old the state may be to which a restore leads; a drill with an older backup fails",
    ),
    reloadable(
        "VAULT_ADDR",
        None,
        ALL,
        "where HashiCorp Vault answers, such as `https://vault.example.com:8200`; with it, secrets are read from there first; see VAULT.md",
    ),
    reloadable(
        "VAULT_PATH",
        Some("saas/production"),
        ALL,
        "where the secrets lie in Vault, below VAULT_MOUNT; its keys are the names of settings marked secret",
    ),
    reloadable(
        "VAULT_MOUNT",
        Some("secret"),
        ALL,
        "the mount of the KV secrets engine, version 2",
    ),
    reloadable(
        "VAULT_NAMESPACE",
        None,
        ALL,
        "the namespace, where Vault has them",
    ),
    reloadable(
        "VAULT_CACERT",
        None,
        ALL,
        "authorities to believe for Vault beside the system's, PEM; TLS_CA_FILE unless set",
    ),
    reloadable_secret("VAULT_TOKEN", ALL, "a token for Vault; one of three logins"),
    reloadable(
        "VAULT_ROLE_ID",
        None,
        ALL,
        "the role's identifier for a login by AppRole, with VAULT_SECRET_ID",
    ),
    reloadable_secret(
        "VAULT_SECRET_ID",
        ALL,
        "the secret identifier that belongs to VAULT_ROLE_ID",
    ),
    reloadable(
        "VAULT_APPROLE_MOUNT",
        Some("approle"),
        ALL,
        "where Vault's AppRole method is mounted, below `auth/`",
    ),
    reloadable(
        "VAULT_KUBERNETES_ROLE",
        None,
        ALL,
        "the role for a login by the pod's service account",
    ),
    reloadable(
        "VAULT_KUBERNETES_MOUNT",
        Some("kubernetes"),
        ALL,
        "where Vault's Kubernetes method is mounted, below `auth/`",
    ),
    reloadable(
        "VAULT_KUBERNETES_TOKEN_FILE",
        None,
        ALL,
        "the service account's token; where Kubernetes puts it unless set",
    ),
    setting(
        "SHUTDOWN_GRACE_SECONDS",
        Some("25"),
        SERVERS,
        "how long requests under way may take after the signal to stop",
    ),
    setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        None,
        SERVERS,
        "where traces are sent, by OTLP over HTTP, such as `http://collector:4318`; `/v1/traces` is added; none are made unless set",
    ),
    secret(
        "OTEL_EXPORTER_OTLP_HEADERS",
        SERVERS,
        "headers for the collector, `name=value` separated by commas, with whatever key it asks for",
    ),
    setting(
        "OTEL_SERVICE_NAME",
        None,
        SERVERS,
        "`service.name` of the spans; `gateway`, `core` or `registry` unless set",
    ),
    setting(
        "OTEL_TRACES_SAMPLER",
        Some("parentbased_traceidratio"),
        GATEWAY,
        "who decides whether a trace is recorded: `parentbased_traceidratio` believes a client that sends a trace along, `traceidratio` does not; `always_on` and `always_off` as well, with `parentbased_` or without",
    ),
    setting(
        "OTEL_TRACES_SAMPLER_ARG",
        Some("1"),
        GATEWAY,
        "which part of the traces is recorded, from 0 to 1, such as 0.01",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_finds_its_neighbour() {
        assert_eq!(SettingInfo::closest("GATEWAY_PROT"), Some("GATEWAY_PORT"));
        assert_eq!(SettingInfo::closest("DATABSE_URL"), Some("DATABASE_URL"));
        assert_eq!(SettingInfo::closest("COLOUR_OF_THE_SKY"), None);
    }

    #[test]
    fn names_are_unique_and_secrets_have_no_default() {
        for (index, setting) in SETTINGS.iter().enumerate() {
            assert!(
                SETTINGS[index + 1..]
                    .iter()
                    .all(|other| other.name != setting.name)
            );
            assert!(
                !(setting.secret && setting.default.is_some()),
                "{}",
                setting.name
            );
            assert!(!setting.roles.is_empty() && !setting.meaning.is_empty());
        }
    }
}
