//! Settings of backups.
#![cfg(test)]

use saas_config::{ConfigError, Role, S3Settings, SettingInfo, Settings, Sources};

const BUCKET: [(&str, &str); 3] = [
    ("BACKUP_S3_BUCKET", "backups"),
    ("BACKUP_S3_ACCESS_KEY_ID", "AKIA-of-a-test"),
    ("BACKUP_S3_SECRET_ACCESS_KEY", "a-secret/of+a=test"),
];

fn settings(variables: &[(&str, &str)]) -> Result<Option<S3Settings>, ConfigError> {
    let sources = Sources::new(".");
    let sources = variables.iter().fold(sources, |sources, (name, value)| {
        sources.with_variable(name, *value)
    });
    Ok(Settings::from_sources(Role::Tool, &sources)?.backup.s3)
}

/// The settings of a bucket, with further ones.
fn with(more: &[(&str, &str)]) -> Result<Option<S3Settings>, ConfigError> {
    settings(&[BUCKET.as_slice(), more].concat())
}

#[test]
fn a_bucket_needs_a_name_and_a_key_and_has_defaults_for_the_rest() {
    assert_eq!(settings(&[]).unwrap(), None);
    let s3 = with(&[]).unwrap().unwrap();
    assert_eq!(
        (s3.bucket.as_str(), s3.region.as_str()),
        ("backups", "us-east-1")
    );
    assert_eq!(
        (s3.prefix, s3.endpoint, s3.part_bytes),
        (None, None, 16 << 20)
    );
    let s3 = with(&[
        ("BACKUP_S3_PREFIX", "/of/production/"),
        ("BACKUP_S3_ENDPOINT", "https://S3.example.com/"),
        ("BACKUP_S3_PART_SIZE_MIB", "5"),
    ]);
    let s3 = s3.unwrap().unwrap();
    assert_eq!(s3.prefix.as_deref(), Some("of/production"));
    assert_eq!(s3.endpoint.as_deref(), Some("https://s3.example.com"));
    assert_eq!(s3.part_bytes, 5 << 20);
}

#[test]
fn half_of_them_are_refused() {
    for (index, (missing, _)) in BUCKET.iter().enumerate() {
        let mut others = BUCKET.to_vec();
        others.remove(index);
        let error = settings(&others).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("{missing} is not set")),
            "{error}"
        );
    }
    for name in ["BACKUP_S3_ENDPOINT", "BACKUP_S3_PREFIX"] {
        let error = settings(&[(name, "http://127.0.0.1")]).unwrap_err();
        assert!(
            error.to_string().starts_with("BACKUP_S3_BUCKET is not set"),
            "{error}"
        );
    }
}

#[test]
fn what_cannot_work_is_refused() {
    for (name, bad) in [
        ("BACKUP_S3_BUCKET", "of/production"),
        ("BACKUP_S3_BUCKET", "-b-"),
        ("BACKUP_S3_BUCKET", ".."),
        ("BACKUP_S3_PREFIX", "../elsewhere"),
        ("BACKUP_S3_ENDPOINT", "https://s3.example.com/bucket"),
        ("BACKUP_S3_REGION", "us east"),
        ("BACKUP_S3_PART_SIZE_MIB", "4"),
        ("BACKUP_S3_SECRET_ACCESS_KEY", "two-words of-a-secret"),
    ] {
        let error = with(&[(name, bad)]).unwrap_err().to_string();
        assert!(
            error.contains(name) && !error.contains("of-a-secret"),
            "{error}"
        );
    }
}

#[test]
fn production_sends_backups_to_other_machines_by_tls_alone() {
    let production = |endpoint| {
        let more = [
            ("ENVIRONMENT", "production"),
            ("BACKUP_S3_ENDPOINT", endpoint),
        ];
        with(&more)
    };
    assert!(production("http://127.0.0.1:9000").is_ok());
    assert!(production("https://storage:9000").is_ok());
    let error = production("http://storage:9000").unwrap_err().to_string();
    assert!(error.contains("https://"), "{error}");
    assert!(with(&[("BACKUP_S3_ENDPOINT", "http://storage:9000")]).is_ok());
}

#[test]
fn the_key_is_a_secret() {
    let shown = format!("{:?}", with(&[]).unwrap());
    assert!(
        !shown.contains("of-a-test") && !shown.contains("of+a"),
        "{shown}"
    );
    for name in ["BACKUP_S3_ACCESS_KEY_ID", "BACKUP_S3_SECRET_ACCESS_KEY"] {
        assert!(SettingInfo::find_in_vault(name).is_some(), "{name}");
    }
}
