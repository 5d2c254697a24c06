//! `saas config generate`: a `.env` for production, with fresh secrets.

use std::{
    fmt::Write as _,
    fs::OpenOptions,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    process::ExitCode,
};

use saas_domain::{EmailAddress, Random};

use crate::{Failure, cli::Generate, commands::print, host_name::HostName};

/// What `.env.prod.example` says, too.
const TEMPLATE: &str = include_str!("generate/env.prod");

/// What is filled in with 256 random bits.
const SECRETS: [&str; 9] = [
    "SECRET_KEY",
    "METRICS_TOKEN",
    "POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
    "GRAFANA_ADMIN_PASSWORD",
    "ELASTIC_PASSWORD",
    "KIBANA_PASSWORD",
    "LOGSTASH_PASSWORD",
    "KIBANA_ENCRYPTION_KEY",
];

/// Writes the file, or prints it.
pub(crate) fn run(generate: &Generate) -> Result<ExitCode, Failure> {
    let (Some(domain), Some(email)) = (&generate.domain, &generate.email) else {
        print(TEMPLATE)?;
        return Ok(ExitCode::SUCCESS);
    };
    let text = fill(domain, email, &Random::os());
    if generate.output == Path::new("-") {
        print(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let path = &generate.output;
    write_new(path, &text).map_err(|error| {
        let shown = path.display();
        match error.kind() {
            io::ErrorKind::AlreadyExists => Failure::correctable(format!(
                "{shown} is there already, and its secrets may be in use: nothing was changed; choose another --output"
            )),
            _ => Failure::correctable(format!("{shown} cannot be written")).because(error),
        }
    })?;
    print(&format!(
        "{} is written, readable by you alone. Keep a copy of SECRET_KEY apart from the backups.\n",
        path.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// The template with a value on each line that has to have one.
fn fill(domain: &HostName, email: &EmailAddress, random: &Random) -> String {
    let mut text = String::with_capacity(TEMPLATE.len() + 1024);
    for line in TEMPLATE.lines() {
        let name = line.split_once('=').map_or("", |(name, _)| name);
        let value = match name {
            "DOMAIN" => domain.to_string(),
            "ACME_EMAIL" | "ADMIN_EMAIL" => email.to_string(),
            "VITE_API_URL" => format!("https://api.{domain}"),
            "CORS_ORIGINS" => format!("https://admin.{domain}"),
            secret if SECRETS.contains(&secret) => hex(random.bytes::<32>()),
            _ => {
                text.push_str(line);
                text.push('\n');
                continue;
            }
        };
        let _ = writeln!(text, "{name}={value}");
    }
    text
}

fn hex(bytes: [u8; 32]) -> String {
    let mut text = String::with_capacity(64);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Writes a file that is not there yet, for its owner's eyes only. A file that cannot be written
/// whole is taken away again.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = std::fs::remove_file(path);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_that_has_to_have_a_value_gets_one() {
        let domain = "example.com".parse().unwrap();
        let email = "me@example.com".parse().unwrap();
        let text = fill(&domain, &email, &Random::seeded(7));
        let value = |name: &str| {
            let line = text
                .lines()
                .find(|line| line.starts_with(&format!("{name}=")));
            line.unwrap_or_else(|| panic!("{name}"))
                .split_once('=')
                .unwrap()
                .1
        };
        assert_eq!(value("DOMAIN"), "example.com");
        assert_eq!(value("ACME_EMAIL"), "me@example.com");
        assert_eq!(value("ADMIN_EMAIL"), "me@example.com");
        assert_eq!(value("VITE_API_URL"), "https://api.example.com");
        assert_eq!(value("CORS_ORIGINS"), "https://admin.example.com");
        let mut secrets: Vec<&str> = SECRETS.iter().map(|name| value(name)).collect();
        assert!(secrets.iter().all(|secret| secret.len() == 64));
        secrets.sort_unstable();
        secrets.dedup();
        assert_eq!(secrets.len(), SECRETS.len());
        // What stays empty may stay empty.
        let empty = text
            .lines()
            .filter(|line| line.ends_with('='))
            .collect::<Vec<_>>();
        assert_eq!(
            empty,
            [
                "SECRET_KEY_PREVIOUS=",
                "ADMIN_PASSWORD=",
                "IMAGE_PREFIX=",
                "BACKUP_RECIPIENTS=",
                "BACKUP_IDENTITY=",
                "BACKUP_ON_SUCCESS=",
                "BACKUP_ON_FAILURE=",
                "BACKUP_S3_BUCKET=",
                "BACKUP_S3_PREFIX=",
                "BACKUP_S3_ENDPOINT=",
                "BACKUP_S3_ACCESS_KEY_ID=",
                "BACKUP_S3_SECRET_ACCESS_KEY=",
                "VAULT_ADDR=",
                "VAULT_NAMESPACE=",
                "VAULT_ROLE_ID=",
                "VAULT_SECRET_ID=",
                "VAULT_TOKEN=",
                "OTEL_EXPORTER_OTLP_ENDPOINT=",
                "OTEL_EXPORTER_OTLP_HEADERS=",
            ]
        );
        let names = |text: &str| {
            text.lines()
                .map(|line| line.split('=').next().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&text), names(TEMPLATE));
    }
}
