//! Settings as an operator meets them.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{fs, path::Path, time::Duration};

use saas_config::{
    ConfigError, CorsOrigins, DatabaseKind, Environment, LogLevel, Origin, Role, SETTINGS,
    Settings, Signup, Sources,
};
use saas_domain::Random;
use tempfile::TempDir;

/// What `openssl rand -base64 48` prints.
const STRONG: &str = "q0Wc1yV7m4Jd9sXlTz8eRk2uBn5hGf3pAo6iYvQbNxKjMwLtUrSgEdCzHaPF7eD1";

fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn load(variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    from(Role::Up, Path::new("/nowhere"), variables)
}

fn from(role: Role, directory: &Path, variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    let sources = Sources::new(directory);
    let with = |sources: Sources, (name, value): &(&str, &str)| sources.with_variable(name, *value);
    Settings::from_sources(role, &variables.iter().fold(sources, with))
}

fn origin(settings: &Settings, name: &str) -> Origin {
    let shown = settings.show();
    let found = shown.into_iter().find(|shown| shown.setting.name == name);
    found.unwrap().origin
}

#[test]
fn nothing_set_is_a_sound_development() {
    let settings = load(&[]).unwrap();
    assert!(settings.validate().is_empty());
    assert_eq!(settings.environment, Environment::Development);
    assert_eq!(settings.host.to_string(), "127.0.0.1");
    assert_eq!(settings.gateway_port, 8000);
    assert_eq!(settings.database_url.expose(), "sqlite://./data/saas.db");
    assert_eq!(settings.database_kind(), DatabaseKind::Sqlite);
    assert_eq!(settings.access_token_lifetime, Duration::from_mins(30));
    assert_eq!(
        settings.refresh_token_lifetime,
        Duration::from_hours(7 * 24)
    );
    assert_eq!(settings.signup, Signup::Open);
    assert_eq!(settings.admin_email, "admin@localhost");
    assert_eq!(settings.cors_origins, CorsOrigins::Only(Vec::new()));
    assert_eq!(settings.registry_urls, ["http://127.0.0.1:8001"]);
    assert_eq!(settings.public_url(None), "http://127.0.0.1:8000");
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_default() {
    let directory = directory();
    let file = "gateway_port = 9000\ncore_port = 9002\ncors_origins = [\"https://a.test\", \"https://b.test\"]\n";
    fs::write(directory.path().join("saas.toml"), file).unwrap();
    let settings = from(Role::Up, directory.path(), &[("GATEWAY_PORT", "7000")]).unwrap();
    assert_eq!(settings.gateway_port, 7000);
    assert_eq!(settings.core_port, 9002);
    assert_eq!(settings.registry_port, 8001);
    assert!(settings.cors_origins.allows("https://b.test"));
    assert_eq!(origin(&settings, "GATEWAY_PORT"), Origin::Environment);
    let path = directory.path().join("saas.toml");
    assert_eq!(origin(&settings, "CORE_PORT"), Origin::File(path));
    assert_eq!(origin(&settings, "REGISTRY_PORT"), Origin::Default);
}

#[test]
fn a_secret_may_come_from_a_file_but_not_from_both() {
    let directory = directory();
    let path = directory.path().join("key");
    fs::write(&path, format!("{STRONG}\n")).unwrap();
    let named = [("SECRET_KEY_FILE", "key")];
    let settings = from(Role::Core, directory.path(), &named).unwrap();
    assert_eq!(settings.secret_key().unwrap().expose(), STRONG);
    assert_eq!(origin(&settings, "SECRET_KEY"), Origin::SecretFile(path));

    let both = [("SECRET_KEY_FILE", "key"), ("SECRET_KEY", STRONG)];
    let error = from(Role::Core, directory.path(), &both).unwrap_err();
    assert_eq!(
        error.to_string(),
        "both SECRET_KEY and SECRET_KEY_FILE are set; unset one of them"
    );

    let missing = from(Role::Core, directory.path(), &[("REDIS_URL_FILE", "none")]).unwrap_err();
    assert!(
        missing.to_string().starts_with("REDIS_URL_FILE names "),
        "{missing}"
    );
}

#[test]
fn a_file_with_a_mistake_is_refused_in_one_sentence() {
    let directory = directory();
    let path = directory.path().join("saas.toml");
    for (text, part) in [
        (
            "gateway_prot = 1",
            "the unknown key `gateway_prot`; did you mean `gateway_port`?",
        ),
        ("colour_of_sky = 1", "the unknown key `colour_of_sky`"),
        ("gateway_port = ", "is not valid TOML"),
        ("[gateway]\nport = 1", "the unknown key `gateway`"),
        ("[host]\nport = 1", "settings have no tables inside"),
        ("host = '::1'\nHOST = '::1'", "is there twice"),
        (
            "gateway_port = 70000",
            "GATEWAY_PORT = `70000` is not valid (file ",
        ),
    ] {
        fs::write(&path, text).unwrap();
        let error = from(Role::Up, directory.path(), &[])
            .unwrap_err()
            .to_string();
        assert!(error.contains(part), "{text}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
    let named = from(Role::Up, directory.path(), &[("SAAS_CONFIG", "other.toml")]).unwrap_err();
    assert!(
        named.to_string().contains("other.toml cannot be read"),
        "{named}"
    );
}

#[test]
fn a_value_of_the_wrong_kind_is_named_with_what_was_expected() {
    for (name, value, part) in [
        ("GATEWAY_PORT", "http", "expected a number from 0 to 65535"),
        (
            "REGISTRY_PORT",
            "tcp://10.0.0.1:8001",
            "enableServiceLinks: false",
        ),
        (
            "ENVIRONMENT",
            "prod",
            "expected one of development, production",
        ),
        (
            "LOG_LEVEL",
            "loud",
            "expected one of error, warn, info, debug, trace",
        ),
        ("HOST", "example.com", "expected an IP address"),
        (
            "TRUSTED_PROXIES",
            "10.0.0.0/40",
            "is not a range of addresses",
        ),
        ("CORS_ORIGINS", "example.com", "is not an address such as"),
        ("PUBLIC_URL", "https://a.test/path", "path or query"),
        (
            "ADMIN_EMAIL",
            "nobody",
            "ADMIN_EMAIL = `nobody` is not valid (environment)",
        ),
        (
            "ACCESS_TOKEN_EXPIRE_MINUTES",
            "0",
            "expected a number from 1 to 1440",
        ),
        ("SIGNUP", "maybe", "expected one of open, closed"),
    ] {
        let error = load(&[(name, value)]).unwrap_err().to_string();
        assert!(error.starts_with(name) && error.contains(part), "{error}");
    }
}

#[test]
fn a_secret_is_never_shown() {
    let database = "mysql://saas:hunter2@db/saas";
    let error = load(&[("DATABASE_URL", database)]).unwrap_err().to_string();
    assert!(
        error.contains("expected a URL that begins with postgresql://"),
        "{error}"
    );
    assert!(!error.contains("hunter2"), "{error}");

    let settings = load(&[
        ("REDIS_URL", "redis://:hunter2@r:6379/0"),
        ("SECRET_KEY", STRONG),
    ])
    .unwrap();
    assert!(!format!("{:?}", settings.redis_url).contains("hunter2"));
    let value = |name: &str| {
        let shown = settings.show();
        let found = shown.into_iter().find(|shown| shown.setting.name == name);
        found.unwrap().value
    };
    assert_eq!(value("SECRET_KEY").as_deref(), Some("[secret]"));
    assert_eq!(
        value("REDIS_URL").as_deref(),
        Some("redis://:[secret]@r:6379/0")
    );
    assert_eq!(value("METRICS_TOKEN"), None);
}

#[test]
fn debug_output_holds_no_secret() {
    let settings = load(&[
        ("REDIS_URL", "redis://:hunter2@r:6379/0"),
        ("SECRET_KEY", STRONG),
    ])
    .unwrap();
    let text = format!("{settings:?}");
    assert!(!text.contains("hunter2") && !text.contains(STRONG));
}

#[test]
fn words_are_read_in_any_case_and_empty_is_not_set() {
    let settings = load(&[
        ("LOG_LEVEL", "WARNING"),
        ("REDIS_URL", ""),
        ("SECRET_KEY", ""),
    ])
    .unwrap();
    assert_eq!(settings.log_level, LogLevel::Warn);
    assert!(settings.redis_url.is_none() && settings.secret_key.is_none());
}

#[test]
fn development_keeps_one_secret_for_all_processes_of_a_directory() {
    use std::os::unix::fs::PermissionsExt as _;

    let directory = directory();
    let data = directory.path().join("data");
    let mut secrets = Vec::new();
    for role in [Role::Core, Role::Gateway] {
        let mut settings = from(
            role,
            directory.path(),
            &[("DATA_DIR", data.to_str().unwrap())],
        )
        .unwrap();
        settings.ensure_development_secret(&Random::os()).unwrap();
        secrets.push(settings.secret_key().unwrap().expose().to_owned());
    }
    assert_eq!(secrets[0], secrets[1]);
    assert_eq!(secrets[0].len(), 64);
    let mode = fs::metadata(data.join("secret_key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(
        fs::read_dir(&data).unwrap().count(),
        1,
        "no draft is left behind"
    );
}

#[test]
fn a_data_directory_that_cannot_be_made_is_named() {
    let directory = directory();
    fs::write(directory.path().join("file"), "").unwrap();
    let inside = directory.path().join("file/data");
    let settings = load(&[("DATA_DIR", inside.to_str().unwrap())]).unwrap();
    let error = settings.prepare_data_dir().unwrap_err().to_string();
    assert!(
        error.starts_with("the data directory ") && error.contains("set DATA_DIR"),
        "{error}"
    );
}

#[test]
fn test_settings_are_sound_and_pick_free_ports() {
    let directory = directory();
    let settings = Settings::for_tests(directory.path()).unwrap();
    assert!(settings.validate().is_empty() && settings.warnings().is_empty());
    assert_eq!(
        (
            settings.gateway_port,
            settings.registry_port,
            settings.core_port
        ),
        (0, 0, 0)
    );
    assert!(
        settings
            .database_url
            .expose()
            .contains(directory.path().to_str().unwrap())
    );
}

#[test]
fn the_public_address_follows_the_gateway() {
    let settings = load(&[]).unwrap();
    let bound = |address: &str| settings.public_url(Some(address.parse().unwrap()));
    assert_eq!(bound("127.0.0.1:4000"), "http://127.0.0.1:4000");
    assert_eq!(bound("0.0.0.0:4000"), "http://127.0.0.1:4000");
    assert_eq!(bound("[::1]:4000"), "http://[::1]:4000");
    assert_eq!(settings.console_url(None), "http://127.0.0.1:8000");
}

#[test]
fn every_default_is_valid_and_every_setting_is_shown() {
    let settings = load(&[]).unwrap();
    let shown = settings.show();
    assert_eq!(shown.len(), SETTINGS.len());
    for shown in shown {
        let default = shown.setting.default.filter(|default| !default.is_empty());
        assert_eq!(shown.value.as_deref(), default, "{}", shown.setting.name);
    }
}
