//! What `ENVIRONMENT=production` refuses.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;

use saas_config::{ConfigError, Role, Settings, Signup, Sources};
use saas_domain::Random;

/// What `openssl rand -base64 48` prints.
const STRONG: &str = "q0Wc1yV7m4Jd9sXlTz8eRk2uBn5hGf3pAo6iYvQbNxKjMwLtUrSgEdCzHaPF7eD1";

fn load(variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    from(Role::Up, Path::new("/nowhere"), variables)
}

fn from(role: Role, directory: &Path, variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    let sources = Sources::new(directory);
    let with = |sources: Sources, (name, value): &(&str, &str)| sources.with_variable(name, *value);
    Settings::from_sources(role, &variables.iter().fold(sources, with))
}

/// The first refusal of otherwise sound production settings.
fn refusal(role: Role, variables: &[(&str, &str)]) -> Option<String> {
    let mut all = vec![
        ("ENVIRONMENT", "production"),
        ("SECRET_KEY", STRONG),
        ("METRICS_TOKEN", "5f0c3f6ad9b64f7f8f8e"),
        ("DATABASE_URL", "postgresql://saas:x@db/saas"),
        ("PUBLIC_URL", "https://api.example.com"),
    ];
    all.extend(variables);
    let settings = from(role, Path::new("/nowhere"), &all).unwrap();
    settings.validate().first().map(ToString::to_string)
}

#[test]
fn production_has_safe_defaults() {
    let settings = load(&[("ENVIRONMENT", "production")]).unwrap();
    assert_eq!(settings.host.to_string(), "0.0.0.0");
    assert_eq!(settings.signup, Signup::Closed);
    assert_eq!(refusal(Role::Core, &[]), None);
}

#[test]
fn production_refuses_what_is_unsafe_and_says_what_to_do() {
    let sqlite = ("DATABASE_URL", "sqlite:///data/saas.db");
    for (role, variable, part) in [
        (
            Role::Core,
            ("SECRET_KEY", ""),
            "SECRET_KEY is not set; make one with",
        ),
        (
            Role::Core,
            ("SECRET_KEY", "tooshort"),
            "has 8 bytes, fewer than 32",
        ),
        (
            Role::Up,
            ("SECRET_KEY", "change-me-change-me-change-me-change-me"),
            "looks like a sample",
        ),
        (
            Role::Gateway,
            ("SECRET_KEY", "Your_Secret_Key_goes_right_here_0123"),
            "looks like a sample",
        ),
        (
            Role::Up,
            ("SECRET_KEY", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
            "repeats itself",
        ),
        (
            Role::Up,
            ("SECRET_KEY", "0123456789abcdef0123456789abcdef"),
            "repeats itself",
        ),
        (
            Role::Up,
            ("SECRET_KEY", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ"),
            "repeats itself",
        ),
        (
            Role::Up,
            ("SECRET_KEY_PREVIOUS", "short"),
            "SECRET_KEY_PREVIOUS has 5 bytes",
        ),
        (
            Role::Up,
            ("METRICS_TOKEN", ""),
            "METRICS_TOKEN is not set; production needs one",
        ),
        (
            Role::Up,
            ("METRICS_TOKEN", "abc"),
            "METRICS_TOKEN is shorter than 16 bytes",
        ),
        (Role::Core, ("PUBLIC_URL", ""), "PUBLIC_URL is not set"),
        (Role::Gateway, ("PUBLIC_URL", ""), "PUBLIC_URL is not set"),
        (
            Role::Gateway,
            ("CORS_ORIGINS", "https://a.test,*"),
            "CORS_ORIGINS is `*`",
        ),
        (Role::Core, sqlite, "DATABASE_URL names a SQLite file"),
        (Role::Registry, sqlite, "DATABASE_URL names a SQLite file"),
        (
            Role::Up,
            ("PUBLIC_URL", "http://api.example.com"),
            "PUBLIC_URL is plain http",
        ),
        (
            Role::Up,
            ("CONSOLE_URL", "http://admin.example.com"),
            "CONSOLE_URL is plain http",
        ),
    ] {
        let refusal = refusal(role, &[variable]).unwrap_or_default();
        assert!(refusal.contains(part), "{variable:?}: {refusal}");
    }
}

#[test]
fn production_allows_what_is_safe() {
    assert_eq!(refusal(Role::Up, &[("DATABASE_URL", "")]), None);
    assert_eq!(
        refusal(Role::Up, &[("PUBLIC_URL", "http://localhost:8000")]),
        None
    );
    assert_eq!(
        refusal(Role::Up, &[("PUBLIC_URL", "https://api.example.com")]),
        None
    );
    let hex = "9f86d081884c7d659a2feaa0c55ad015";
    assert_eq!(refusal(Role::Up, &[("SECRET_KEY", hex)]), None);
    assert_eq!(refusal(Role::Registry, &[("PUBLIC_URL", "")]), None);
    assert_eq!(refusal(Role::Tool, &[("METRICS_TOKEN", "")]), None);
}

#[test]
fn random_secrets_are_not_mistaken_for_weak_ones() {
    let random = Random::seeded(1);
    for _ in 0..300 {
        let hex = format!("{:032x}", u128::from_be_bytes(random.bytes()));
        assert_eq!(refusal(Role::Up, &[("SECRET_KEY", &hex)]), None, "{hex}");
    }
}

#[test]
fn production_makes_no_secret() {
    let directory = tempfile::tempdir().unwrap();
    let production = [
        ("ENVIRONMENT", "production"),
        ("DATA_DIR", directory.path().to_str().unwrap()),
    ];
    let mut settings = from(Role::Up, directory.path(), &production).unwrap();
    settings.ensure_development_secret(&Random::os()).unwrap();
    assert!(settings.secret_key().is_err());
}
