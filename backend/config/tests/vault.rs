//! What Vault holds, among the other sources, and where it is said to be.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{fs, path::Path};

use saas_config::{
    Origin, Role, SETTINGS, Secret, SettingInfo, Settings, Sources, VaultLogin, VaultSettings,
};

#[test]
fn it_wins_over_everything_else() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("key"), "of the file\n").unwrap();
    fs::write(
        directory.path().join("saas.toml"),
        "metrics_token = 'of the settings file'\n",
    )
    .unwrap();
    let sources = Sources::new(directory.path())
        .with_variable("SECRET_KEY_FILE", "key")
        .with_variable("REDIS_URL", "redis://environment")
        .with_vault(
            "secret/data/saas/production",
            vec![
                ("SECRET_KEY", Secret::new("of Vault")),
                ("METRICS_TOKEN", Secret::new("of Vault, too")),
                ("REDIS_URL", Secret::new("")),
            ],
        );
    let settings = Settings::from_sources(Role::Core, &sources).unwrap();
    assert_eq!(settings.secret_key().unwrap().expose(), "of Vault");
    assert_eq!(
        settings.metrics_token.as_ref().unwrap().expose(),
        "of Vault, too"
    );
    let origin = |name: &str| {
        let shown = settings.show();
        shown
            .into_iter()
            .find(|shown| shown.setting.name == name)
            .unwrap()
            .origin
    };
    assert_eq!(
        origin("SECRET_KEY").to_string(),
        "Vault secret/data/saas/production"
    );
    // An empty value is none.
    assert_eq!(origin("REDIS_URL"), Origin::Environment);
    assert!(!format!("{sources:?}").contains("of Vault"));
}

#[test]
fn it_holds_secrets_but_no_way_to_itself() {
    let held = SETTINGS
        .iter()
        .filter(|setting| SettingInfo::find_in_vault(setting.name).is_some());
    let held: Vec<&str> = held.map(|setting| setting.name).collect();
    assert!(
        held.contains(&"SECRET_KEY") && held.contains(&"DATABASE_URL"),
        "{held:?}"
    );
    for name in [
        "LOG_LEVEL",
        "VAULT_TOKEN",
        "VAULT_SECRET_ID",
        "secret_key",
        "PATH",
    ] {
        assert!(SettingInfo::find_in_vault(name).is_none(), "{name}");
    }
}

#[test]
fn its_settings_have_the_defaults_of_its_own_documents() {
    let directory = Path::new("/nowhere");
    assert_eq!(VaultSettings::of(&Sources::new(directory)).unwrap(), None);
    let sources = Sources::new(directory)
        .with_variable("VAULT_ADDR", "https://vault.example.com:8200/")
        .with_variable("TLS_CA_FILE", "/ca.pem")
        .with_variable("VAULT_KUBERNETES_ROLE", "saas");
    let vault = VaultSettings::of(&sources).unwrap().unwrap();
    assert_eq!(vault.address, "https://vault.example.com:8200");
    assert_eq!(vault.place(), "secret/data/saas/production");
    assert_eq!(vault.ca_file, Some(("TLS_CA_FILE", "/ca.pem".into())));
    let VaultLogin::Kubernetes {
        mount,
        role,
        token_file,
    } = vault.login
    else {
        panic!("{vault:?}");
    };
    assert_eq!((mount.as_str(), role.as_str()), ("kubernetes", "saas"));
    assert_eq!(
        token_file,
        Path::new("/var/run/secrets/kubernetes.io/serviceaccount/token")
    );
}
