//! Copies of backups in S3-compatible storage.
//!
//! A backup is made in a [`Directory`](crate::Directory) first and [copied](Bucket::copy) from there;
//! to be read it is [fetched](Bucket::fetch) into one. An object is there whole or not at all, under
//! the backup's own name, and none is ever written over.

mod api;
mod error;
mod fetch;
mod sign;
mod upload;
mod xml;

use http::Method;
use saas_domain::Clock;
use saas_registry_client::HttpClient;

use crate::{format::BackupName, stop::Stop};
use api::{Api, Call};
pub use error::BucketError;
pub use fetch::Fetched;
pub use sign::Credentials;

/// How every address of an object begins.
const SCHEME: &str = "s3://";

/// Where copies go.
#[derive(Clone, Debug)]
pub struct BucketSettings {
    /// The bucket's name.
    pub bucket: String,
    /// What stands before the backups' names: empty, or something that ends with a slash.
    pub prefix: String,
    /// `scheme://host[:port]` of the storage; AWS's for the region if there is none.
    pub endpoint: Option<String>,
    /// The region.
    pub region: String,
    /// As whom.
    pub credentials: Credentials,
    /// What is sent at once, in bytes: at least 5 MiB, as S3 demands.
    pub part_bytes: u64,
}

/// A place for backups in S3-compatible storage.
#[derive(Clone, Debug)]
pub struct Bucket {
    api: Api,
    prefix: String,
    part_bytes: u64,
}

impl Bucket {
    /// This bucket, spoken to by this client; nobody is asked.
    pub fn new(settings: BucketSettings, http: HttpClient, clock: Clock) -> Self {
        let BucketSettings { bucket, region, .. } = settings;
        let domain = if region.starts_with("cn-") {
            "amazonaws.com.cn"
        } else {
            "amazonaws.com"
        };
        let in_path = format!("/{bucket}");
        let (origin, base) = match settings.endpoint {
            Some(endpoint) => (endpoint, in_path),
            // AWS's certificate does not hold for names with a dot.
            None if bucket.contains('.') => (format!("https://s3.{region}.{domain}"), in_path),
            None => {
                let origin = format!("https://{bucket}.s3.{region}.{domain}");
                (origin, String::new())
            }
        };
        Self {
            api: Api {
                http,
                clock,
                origin,
                base,
                bucket,
                region,
                credentials: settings.credentials,
            },
            prefix: settings.prefix,
            part_bytes: settings.part_bytes,
        }
    }

    /// Where the backup of this name is, or would be: `s3://…`.
    pub fn url(&self, name: &BackupName) -> String {
        self.api.address(&self.key(name))
    }

    /// Whether this is an address in some bucket rather than a path.
    pub fn is_url(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// Every backup, newest first, with its size in bytes. Other objects are passed over.
    ///
    /// # Errors
    /// When the storage cannot be used.
    pub async fn list(&self, stop: &Stop) -> Result<Vec<(BackupName, u64)>, BucketError> {
        let mut found = self.listed("saas_backup_", stop).await?;
        found.sort_by_key(|(name, _)| std::cmp::Reverse(name.taken_at));
        Ok(found)
    }

    /// Removes a backup.
    ///
    /// # Errors
    /// When the storage cannot be used.
    pub async fn remove(&self, name: &BackupName, stop: &Stop) -> Result<(), BucketError> {
        let call = Call {
            method: Method::DELETE,
            key: &self.key(name),
            ..Call::default()
        };
        self.api.call(&call, stop).await.map(drop)
    }

    fn key(&self, name: &BackupName) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The key within this bucket, and the name at its end.
    fn key_of<'a>(&self, url: &'a str) -> Result<(&'a str, BackupName), BucketError> {
        let within = url.strip_prefix(SCHEME).and_then(|rest| {
            let (bucket, key) = rest.split_once('/')?;
            (bucket == self.api.bucket).then_some(key)
        });
        let found = within.and_then(|key| {
            let name = key.rsplit('/').next()?;
            Some((key, name.parse().ok()?))
        });
        found.ok_or_else(|| BucketError::Address {
            url: url.to_owned(),
            expected: self.api.address(&format!("{}saas_backup_", self.prefix)),
        })
    }

    async fn listed(
        &self,
        beginning: &str,
        stop: &Stop,
    ) -> Result<Vec<(BackupName, u64)>, BucketError> {
        let prefix = format!("{}{beginning}", self.prefix);
        let mut found = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let mut query = vec![("list-type", "2"), ("prefix", prefix.as_str())];
            query.extend(token.as_deref().map(|token| ("continuation-token", token)));
            let call = Call {
                query: &query,
                ..Call::default()
            };
            let answer = self.api.call(&call, stop).await?.body;
            if !answer.contains("<ListBucketResult") {
                return Err(BucketError::Foreign(self.api.address("")));
            }
            for object in xml::elements(&answer, "Contents") {
                let name = xml::text(object, "Key").and_then(|key| self.name(&key));
                let bytes = xml::text(object, "Size").and_then(|size| size.parse().ok());
                found.extend(name.zip(bytes));
            }
            token = xml::text(&answer, "NextContinuationToken");
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// The name of the backup under this key, if it is one that this prefix has.
    fn name(&self, key: &str) -> Option<BackupName> {
        key.strip_prefix(self.prefix.as_str())?.parse().ok()
    }
}
