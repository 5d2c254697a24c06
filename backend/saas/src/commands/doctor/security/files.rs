//! Files that others on the machine could read.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use saas_config::{Origin, Settings};

use super::super::{finding::Finding, patient::Patient};

/// What tells addresses and a process identifier alone.
const HARMLESS: [&str; 2] = ["run.json", "lock"];
/// More files than a data directory has; a stranger's directory is not read to its end.
const MOST: usize = 1000;

pub(super) fn look(patient: &Patient) -> Vec<Finding> {
    let settings = &patient.settings;
    let mut findings = Vec::new();
    if settings.data_dir.exists() {
        findings.push(data_dir(&settings.data_dir));
    }
    for path in secret_files(settings) {
        let subject = path.display().to_string();
        match mode(&path) {
            Some(mode) if mode & 0o007 != 0 => findings.push(Finding::failed(
                subject,
                format!("holds secrets, and everybody on this machine may read it ({mode:o})"),
                format!("chmod 600 {}", path.display()),
            )),
            Some(mode) => findings.push(Finding::ok(
                subject,
                format!("is closed to others ({mode:o})"),
            )),
            None => {}
        }
    }
    findings
}

fn mode(path: &Path) -> Option<u32> {
    Some(fs::metadata(path).ok()?.permissions().mode() & 0o777)
}

/// The directory itself, or else everything in it, is closed to others.
fn data_dir(path: &Path) -> Finding {
    let subject = format!("DATA_DIR {}", path.display());
    let own = mode(path).unwrap_or_default();
    if own & 0o005 == 0 {
        return Finding::ok(subject, format!("is closed to others ({own:o})"));
    }
    let entries = fs::read_dir(path)
        .into_iter()
        .flatten()
        .flatten()
        .take(MOST);
    let open = entries.filter(|entry| mode(&entry.path()).is_some_and(|mode| mode & 0o004 != 0));
    let open: Vec<_> = open
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !HARMLESS.contains(&name.as_str()))
        .collect();
    if open.is_empty() && own & 0o002 != 0 {
        return Finding::warning(
            subject,
            format!("others on this machine may write to it ({own:o})"),
            "chmod 700 it; in a container that only this process's user is in, nobody else is there",
        );
    }
    if open.is_empty() {
        return Finding::ok(
            subject,
            format!("may be listed by others ({own:o}), and no file read"),
        );
    }
    Finding::failed(
        subject,
        format!(
            "everybody on this machine may read it ({own:o}): {}",
            open.join(", ")
        ),
        format!("chmod 700 {}", path.display()),
    )
}

/// Whatever is known to hold a secret: files named by settings, and those that settings come from.
fn secret_files(settings: &Settings) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = settings
        .tls
        .certificates
        .iter()
        .map(|(_, key)| key.clone())
        .collect();
    let secrets = settings
        .show()
        .into_iter()
        .filter(|one| one.setting.secret && one.value.is_some());
    paths.extend(secrets.filter_map(|one| match one.origin {
        Origin::File(path) | Origin::SecretFile(path) => Some(path),
        _ => None,
    }));
    paths.push(PathBuf::from(".env"));
    paths.sort();
    paths.dedup();
    paths
}
