//! From the directory to the bucket.

use std::{fmt::Write as _, fs::File, io, os::unix::fs::FileExt as _, path::PathBuf};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta};
use http::Method;
use ring::digest::{SHA256, digest};
use rustix::fs::{FlockOperation, flock};
use tokio::task::spawn_blocking;

use super::{
    Bucket, BucketError,
    api::{Answer, Call},
    xml,
};
use crate::{format::BackupName, place::Directory, stop::Stop};

/// S3 takes no more parts of one object.
const MOST_PARTS: u64 = 10_000;
/// After so long nobody is at an upload any more, if nothing else tells.
const ABANDONED: TimeDelta = TimeDelta::hours(24);

const CHECKSUM: &str = "x-amz-checksum-sha256";

/// A file that is copied: locked, so that others see that somebody is at it.
struct Local {
    path: PathBuf,
    file: File,
    bytes: u64,
    part_bytes: u64,
    /// SHA-256 of each part.
    parts: Vec<[u8; 32]>,
}

impl Local {
    fn open(path: PathBuf, part_bytes: u64, stop: &Stop) -> Result<Self, BucketError> {
        let fault = |source| BucketError::File {
            path: path.clone(),
            source,
        };
        let file = File::open(&path).map_err(fault)?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(BucketError::Busy(path));
        }
        let bytes = file.metadata().map_err(fault)?.len();
        let part_bytes = part_bytes.max(bytes.div_ceil(MOST_PARTS));
        let mut local = Self {
            path,
            file,
            bytes,
            part_bytes,
            parts: Vec::new(),
        };
        for part in 0..bytes.div_ceil(part_bytes).max(1) {
            if stop.is_told() {
                return Err(BucketError::Stopped);
            }
            let digest = sha256(&local.part(part)?);
            local.parts.push(digest);
        }
        Ok(local)
    }

    fn part(&self, number: u64) -> Result<Bytes, BucketError> {
        let from = number * self.part_bytes;
        let length = self.part_bytes.min(self.bytes.saturating_sub(from));
        let read = usize::try_from(length).map_err(io::Error::other);
        let read = read.and_then(|length| {
            let mut part = vec![0; length];
            self.file.read_exact_at(&mut part, from)?;
            Ok(part.into())
        });
        read.map_err(|source| BucketError::File {
            path: self.path.clone(),
            source,
        })
    }

    /// The whole file's, in the form in which S3 tells it: of an object in parts, over theirs.
    fn checksum(&self) -> String {
        match self.parts.as_slice() {
            [whole] => BASE64_STANDARD.encode(whole),
            parts => BASE64_STANDARD.encode(sha256(&parts.concat())),
        }
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut sum = [0; 32];
    for (to, from) in sum.iter_mut().zip(digest(&SHA256, bytes).as_ref()) {
        *to = *from;
    }
    sum
}

/// What has the storage compare what came with this checksum, and keep that.
fn summed(checksum: String) -> Vec<(&'static str, String)> {
    let algorithm = "SHA256".to_owned();
    vec![
        ("x-amz-sdk-checksum-algorithm", algorithm),
        (CHECKSUM, checksum),
    ]
}

/// What the storage says of an object.
struct Stored {
    bytes: u64,
    /// Not every storage keeps one.
    checksum: Option<String>,
}

impl Bucket {
    /// Copies a backup from the directory, unless it is there already. The object is compared with
    /// the file by size and checksum.
    ///
    /// # Errors
    /// When the storage cannot be used or has another object of this name, or `stop` says so. Then
    /// nothing is left in the bucket; what cannot be taken back now is by the next copy.
    pub async fn copy(
        &self,
        place: &Directory,
        name: &BackupName,
        stop: &Stop,
    ) -> Result<(), BucketError> {
        let local = {
            let (path, part_bytes, stop) = (place.file(name), self.part_bytes, stop.clone());
            let opened = spawn_blocking(move || Local::open(path, part_bytes, &stop));
            opened.await.map_err(|error| BucketError::File {
                path: place.file(name),
                source: io::Error::other(error),
            })??
        };
        let key = self.key(name);
        let found = self.listed(&name.to_string(), stop).await?;
        let is_there = found.iter().any(|(other, _)| other == name);
        let is_sent = !is_there && self.send(&local, &key, place, stop).await?;
        let stored = self.stored(&key, stop).await?;
        let is_same = stored.bytes == local.bytes
            && match stored.checksum {
                Some(sum) => sum == local.checksum(),
                // The storage keeps none; it compared what came with the signature.
                None => is_sent,
            };
        match (is_same, is_sent) {
            (true, _) => Ok(()),
            (false, true) => Err(BucketError::Differs(self.api.address(&key))),
            (false, false) => Err(BucketError::Taken(self.api.address(&key))),
        }
    }

    /// Whether it was sent; else there is an object by now: another's, or ours, if the answer to
    /// that was lost.
    async fn send(
        &self,
        local: &Local,
        key: &str,
        place: &Directory,
        stop: &Stop,
    ) -> Result<bool, BucketError> {
        if let Err(error) = self.tidy(place, stop).await {
            tracing::warn!(%error, "parts of earlier copies may be left in the bucket");
        }
        let sent = match local.parts.len() {
            1 => self.whole(local, key, stop).await,
            _ => self.in_parts(local, key, stop).await,
        };
        match sent {
            Ok(()) => Ok(true),
            Err(error) if matches!(error.status(), Some(404 | 409 | 412)) => {
                // Or it was refused for another reason.
                let is_there = self.stored(key, stop).await.is_ok();
                if is_there { Ok(false) } else { Err(error) }
            }
            Err(error) => Err(error),
        }
    }

    async fn stored(&self, key: &str, stop: &Stop) -> Result<Stored, BucketError> {
        let call = Call {
            method: Method::HEAD,
            key,
            headers: vec![("x-amz-checksum-mode", "ENABLED".to_owned())],
            ..Call::default()
        };
        let answer = self.api.call(&call, stop).await?;
        let bytes = answer.header("content-length");
        let bytes = bytes.and_then(|bytes| bytes.parse().ok());
        // Behind it may stand the number of parts.
        let checksum = answer.header(CHECKSUM);
        let checksum = checksum.and_then(|sum| sum.split('-').next());
        Ok(Stored {
            bytes: bytes.ok_or_else(|| BucketError::Foreign(self.api.address(key)))?,
            checksum: checksum.map(str::to_owned),
        })
    }

    async fn whole(&self, local: &Local, key: &str, stop: &Stop) -> Result<(), BucketError> {
        let call = Call {
            method: Method::PUT,
            key,
            headers: summed(local.checksum()),
            body: local.part(0)?,
            ..Call::default()
        };
        self.unless_there(call, stop).await.map(drop)
    }

    async fn in_parts(&self, local: &Local, key: &str, stop: &Stop) -> Result<(), BucketError> {
        let call = Call {
            method: Method::POST,
            key,
            query: &[("uploads", "")],
            headers: vec![("x-amz-checksum-algorithm", "SHA256".to_owned())],
            ..Call::default()
        };
        let begun = self.api.call(&call, stop).await?;
        let upload = xml::text(&begun.body, "UploadId")
            .ok_or_else(|| BucketError::Foreign(self.api.address(key)))?;
        let sent = async {
            let told = self.parts(local, key, &upload, stop).await?;
            let call = Call {
                method: Method::POST,
                key,
                query: &[("uploadId", &upload)],
                body: told.into(),
                ..Call::default()
            };
            self.unless_there(call, stop).await.map(drop)
        };
        let sent = sent.await;
        if sent.is_err() {
            // What was told to stop still takes back what it began.
            let taken_back = self.abort(key, &upload, &Stop::default()).await;
            if let Err(error) = taken_back
                && error.status() != Some(404)
            {
                tracing::warn!(%error, "parts are left in the bucket; the next copy removes them");
            }
        }
        sent
    }

    /// Sends each part, and gives the list of them by which they become one object.
    async fn parts(
        &self,
        local: &Local,
        key: &str,
        upload: &str,
        stop: &Stop,
    ) -> Result<String, BucketError> {
        let mut told = String::from("<CompleteMultipartUpload>");
        for (index, sum) in (0..).zip(&local.parts) {
            let (number, sum) = ((index + 1).to_string(), BASE64_STANDARD.encode(sum));
            let call = Call {
                method: Method::PUT,
                key,
                query: &[("partNumber", &number), ("uploadId", upload)],
                headers: summed(sum.clone()),
                body: local.part(index)?,
            };
            let answer = self.api.call(&call, stop).await?;
            let tag = answer.header("etag").map(xml::escaped);
            let tag = tag.ok_or_else(|| BucketError::Foreign(self.api.address(key)))?;
            let _ = write!(
                told,
                "<Part><ChecksumSHA256>{sum}</ChecksumSHA256><ETag>{tag}</ETag><PartNumber>{number}</PartNumber></Part>"
            );
        }
        Ok(told + "</CompleteMultipartUpload>")
    }

    /// Asks for an object to be made, unless there is one. Storage that does not know the condition
    /// is asked without: nothing was there when it was looked.
    async fn unless_there(&self, call: Call<'_>, stop: &Stop) -> Result<Answer, BucketError> {
        let mut conditional = call.clone();
        conditional.headers.push(("if-none-match", "*".to_owned()));
        match self.api.call(&conditional, stop).await {
            Err(error) if error.status() == Some(501) => self.api.call(&call, stop).await,
            done => done,
        }
    }

    async fn abort(&self, key: &str, upload: &str, stop: &Stop) -> Result<(), BucketError> {
        let call = Call {
            method: Method::DELETE,
            key,
            query: &[("uploadId", upload)],
            ..Call::default()
        };
        self.api.call(&call, stop).await.map(drop)
    }

    /// Removes the parts of copies that nobody is at any more. Whoever copies holds the file's lock;
    /// where the file is another machine's, time tells.
    async fn tidy(&self, place: &Directory, stop: &Stop) -> Result<(), BucketError> {
        let prefix = self.prefix.clone() + "saas_backup_";
        let call = Call {
            query: &[("uploads", ""), ("prefix", &prefix)],
            ..Call::default()
        };
        let answer = self.api.call(&call, stop).await?.body;
        for one in xml::elements(&answer, "Upload") {
            let (Some(key), Some(upload)) = (xml::text(one, "Key"), xml::text(one, "UploadId"))
            else {
                continue;
            };
            let Some(name) = self.name(&key) else {
                continue;
            };
            let is_abandoned = if let Ok(file) = File::open(place.file(&name)) {
                flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok()
            } else {
                let begun = xml::text(one, "Initiated").unwrap_or_default();
                DateTime::parse_from_rfc3339(&begun)
                    .is_ok_and(|begun| self.api.clock.now() - begun.to_utc() > ABANDONED)
            };
            if is_abandoned {
                self.abort(&key, &upload, stop).await?;
            }
        }
        Ok(())
    }
}
