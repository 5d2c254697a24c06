//! The bucket of the settings, and `saas backup upload`.

use std::process::ExitCode;

use saas_config::{S3Settings, Settings};
use saas_domain::Clock;
use saas_recovery::{Bucket, BucketSettings, Credentials};
use saas_registry_client::HttpClient;

use super::{place, stoppable};
use crate::{Failure, commands::print};

/// Where copies of backups go, if anywhere.
pub(super) fn bucket(settings: &Settings) -> Result<Option<Bucket>, Failure> {
    let Some(s3) = &settings.backup.s3 else {
        return Ok(None);
    };
    let is_plain = s3.endpoint.as_deref().is_some_and(is_plain_http);
    let http = if is_plain {
        HttpClient::new()
    } else {
        HttpClient::secure(&saas_tls::client_config(settings.tls.ca_file.as_deref())?)
    };
    let bucket = Bucket::new(bucket_settings(s3), http, Clock::system());
    Ok(Some(bucket))
}

/// It, where a command is of no use without.
pub(super) fn needed(settings: &Settings) -> Result<Bucket, Failure> {
    let missing =
        || Failure::correctable("BACKUP_S3_BUCKET is not set; set it to the bucket's name");
    bucket(settings)?.ok_or_else(missing)
}

fn is_plain_http(endpoint: &str) -> bool {
    endpoint.starts_with("http://")
}

fn bucket_settings(s3: &S3Settings) -> BucketSettings {
    let prefix = s3.prefix.as_ref().map(|prefix| format!("{prefix}/"));
    BucketSettings {
        bucket: s3.bucket.clone(),
        prefix: prefix.unwrap_or_default(),
        endpoint: s3.endpoint.clone(),
        region: s3.region.clone(),
        credentials: Credentials {
            id: s3.access_key_id.expose().to_owned().into(),
            secret: s3.secret_access_key.expose().to_owned().into(),
        },
        part_bytes: s3.part_bytes,
    }
}

pub(super) fn upload(settings: &Settings) -> Result<ExitCode, Failure> {
    let (place, bucket) = (place(settings)?, needed(settings)?);
    stoppable(async |stop| -> Result<(), Failure> {
        let there = bucket.list(stop).await?;
        let mut missing = place.list()?;
        missing.retain(|(name, _)| !there.iter().any(|(other, _)| other == name));
        if missing.is_empty() {
            return print("every backup is in the bucket\n");
        }
        for (name, _) in missing {
            bucket.copy(&place, &name, stop).await?;
            print(&format!("{}\n", bucket.url(&name)))?;
        }
        Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}
