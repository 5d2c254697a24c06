//! Settings of TLS as an operator meets them.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use saas_config::{ConfigError, Role, Settings, Sources};

fn load(variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    let with = |sources: Sources, (name, value): &(&str, &str)| sources.with_variable(name, *value);
    let sources = variables.iter().fold(Sources::new("/nowhere"), with);
    Settings::from_sources(Role::Up, &sources)
}

fn refused(variables: &[(&str, &str)]) -> String {
    load(variables).unwrap_err().to_string()
}

#[test]
fn certificates_and_keys_come_in_pairs() {
    assert!(!load(&[]).unwrap().tls.is_served());
    let pair = [
        ("TLS_CERT_FILE", "/a.pem, /b.pem"),
        ("TLS_KEY_FILE", "/a.key,/b.key"),
    ];
    let tls = load(&pair).unwrap().tls;
    assert!(tls.is_served());
    assert_eq!(
        (tls.https_port, tls.redirect_port, tls.only_tls13),
        (8443, None, false)
    );
    let pair = |name: &str| (format!("/{name}.pem").into(), format!("/{name}.key").into());
    assert_eq!(tls.certificates, [pair("a"), pair("b")]);
    let uneven = [
        ("TLS_CERT_FILE", "/a.pem,/b.pem"),
        ("TLS_KEY_FILE", "/a.key"),
    ];
    assert!(refused(&uneven).contains("expected 2 files"));
}

#[test]
fn acme_wants_consent_and_hosts() {
    let acme = |domains, more: &[(&str, &str)]| {
        let mut all = vec![("ACME_DOMAINS", domains), ("ACME_AGREE_TERMS", "yes")];
        all.extend(more);
        load(&all)
    };
    let settings = acme("API.example.com, b.example.com", &[])
        .unwrap()
        .tls
        .acme
        .unwrap();
    assert_eq!(settings.domains, ["api.example.com", "b.example.com"]);
    assert_eq!(
        settings.directory_url,
        "https://acme-v02.api.letsencrypt.org/directory"
    );
    for (domains, more, word) in [
        ("localhost", ("ACME_EMAIL", "a@b.example"), "is not a host"),
        (
            "a_b.example.com",
            ("ACME_EMAIL", "a@b.example"),
            "is not a host",
        ),
        (
            "*.example.com",
            ("ACME_EMAIL", "a@b.example"),
            "challenge by DNS",
        ),
        ("a.example.com", ("ACME_EMAIL", "nobody"), "ACME_EMAIL"),
        (
            "a.example.com",
            ("ACME_AGREE_TERMS", "no"),
            "ACME_AGREE_TERMS is not set",
        ),
        (
            "a.example.com",
            ("ACME_DIRECTORY_URL", "ftp://x"),
            "expected an https:// address",
        ),
        (
            "a.example.com",
            ("TLS_CERT_FILE", "/a.pem"),
            "TLS_KEY_FILE is not set",
        ),
    ] {
        let error = acme(domains, &[more]).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
    let both = [("TLS_CERT_FILE", "/a.pem"), ("TLS_KEY_FILE", "/a.key")];
    let error = acme("a.example.com", &both).unwrap_err().to_string();
    assert!(error.contains("unset one of them"), "{error}");
    let loopback = [("ACME_DIRECTORY_URL", "http://127.0.0.1:14000/dir")];
    acme("a.example.com", &loopback).unwrap();
    let production = [loopback[0], ("ENVIRONMENT", "production")];
    acme("a.example.com", &production).unwrap_err();
}

#[test]
fn authorities_of_ones_own_are_told_to_postgres() {
    let url = |url, more: &[(&str, &str)]| {
        let mut all = vec![("DATABASE_URL", url), ("TLS_CA_FILE", "/etc/my ca.pem")];
        all.extend(more);
        load(&all).unwrap().database_url.expose().to_owned()
    };
    let named = "sslrootcert=/etc/my%20ca.pem";
    assert_eq!(
        url("postgresql://u:p@h/db?sslmode=verify-full", &[]),
        format!("postgresql://u:p@h/db?sslmode=verify-full&{named}")
    );
    assert_eq!(
        url("postgres://u:p@h/db", &[]),
        format!("postgres://u:p@h/db?{named}")
    );
    for kept in [
        "postgresql://h/db?sslrootcert=/other.pem",
        "sqlite:///tmp/a.db",
    ] {
        assert_eq!(url(kept, &[]), kept);
    }
}
