//! From the bucket to the directory.

use std::{
    fs::File,
    io::{self, BufReader, Read, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use http::StatusCode;
use http_body_util::BodyExt as _;

use super::{
    Bucket, BucketError,
    api::{ATTEMPTS, Call, pause},
};
use crate::{
    age::Identity,
    file,
    format::BackupName,
    place::{Directory, PlaceError, Unfinished},
    stop::Stop,
    verify::Backup,
};

/// How long nothing may come.
const SILENCE: Duration = Duration::from_mins(1);

/// A backup that was fetched. It has no name in the directory yet, and is gone with this unless it
/// is [kept](Self::keep).
#[derive(Debug)]
pub struct Fetched {
    name: BackupName,
    url: String,
    file: Unfinished,
}

impl Fetched {
    /// It, to be read as long as this is held, and what decrypts it if it is encrypted.
    pub fn backup(&self, identity: Option<Identity>) -> Backup {
        Backup::called(self.file.path(), self.name, Path::new(&self.url), identity)
    }

    /// Gives it its name in the directory. If it is there already, nothing is changed.
    ///
    /// # Errors
    /// When another file has the name.
    pub fn keep(self) -> Result<PathBuf, BucketError> {
        let partial = file::open(self.file.path());
        match self.file.publish(&self.name) {
            Err(PlaceError::Taken(path)) => match is_same(partial, &path) {
                Ok(true) => Ok(path),
                Ok(false) => Err(BucketError::Another {
                    path,
                    url: self.url,
                }),
                Err(source) => Err(BucketError::File { path, source }),
            },
            published => Ok(published?),
        }
    }
}

fn is_same(one: io::Result<File>, other: &Path) -> io::Result<bool> {
    let (one, other) = (one?, file::open(other)?);
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let mut others = BufReader::new(other).bytes();
    for byte in BufReader::new(one).bytes() {
        if others.next().transpose()? != Some(byte?) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// How far it is.
#[derive(Default)]
struct Progress {
    bytes: u64,
    /// By which the object is known to be the same when it goes on.
    tag: Option<String>,
}

impl Bucket {
    /// Fetches the backup at this address, `s3://…`, into the directory. A connection that breaks is
    /// taken up again where it broke.
    ///
    /// # Errors
    /// When the address is not in this bucket, the storage cannot be used, or `stop` says so. Then
    /// nothing is left in the directory.
    pub async fn fetch(
        &self,
        url: &str,
        place: &Directory,
        stop: &Stop,
    ) -> Result<Fetched, BucketError> {
        let (key, name) = self.key_of(url)?;
        let mut file = place.begin_beside(&name)?;
        let (mut progress, mut attempt) = (Progress::default(), 0);
        loop {
            let before = progress.bytes;
            let pulled = tokio::select! {
                () = stop.told() => return Err(BucketError::Stopped),
                pulled = self.pull(key, &mut file, &mut progress) => pulled,
            };
            // What gets on is patient; what does not gives up.
            if progress.bytes > before {
                attempt = 0;
            }
            match pulled {
                Ok(()) => break,
                Err(error) if error.is_passing() && attempt + 1 < ATTEMPTS => {}
                Err(error) => return Err(error),
            }
            pause(attempt, stop).await?;
            attempt += 1;
        }
        Ok(Fetched {
            name,
            url: url.to_owned(),
            file,
        })
    }

    async fn pull(
        &self,
        key: &str,
        file: &mut Unfinished,
        progress: &mut Progress,
    ) -> Result<(), BucketError> {
        let silent = || BucketError::Silent {
            address: self.api.address(key),
            after: SILENCE,
        };
        let mut call = Call {
            key,
            ..Call::default()
        };
        if progress.bytes > 0 {
            let range = format!("bytes={}-", progress.bytes);
            call.headers.push(("range", range));
            let tag = progress.tag.clone();
            call.headers.extend(tag.map(|tag| ("if-match", tag)));
        }
        let asked = tokio::time::timeout(SILENCE, self.api.open(&call, SILENCE));
        let response = asked.await.unwrap_or_else(|_| Err(silent()))?;
        let goes_on = response.status() == StatusCode::PARTIAL_CONTENT;
        if goes_on != (progress.bytes > 0) {
            return Err(BucketError::Foreign(self.api.address(key)));
        }
        let tag = response.headers().get("etag");
        progress.tag = tag.and_then(|tag| tag.to_str().ok().map(str::to_owned));
        let mut body = response.into_body();
        loop {
            let frame = tokio::time::timeout(SILENCE, body.frame()).await;
            let Some(frame) = frame.map_err(|_| silent())? else {
                return file.flush().map_err(BucketError::Write);
            };
            let frame = frame.map_err(|source| BucketError::BrokeOff {
                address: self.api.address(key),
                source: source.into(),
            })?;
            if let Some(bytes) = frame.data_ref() {
                file.write_all(bytes).map_err(BucketError::Write)?;
                progress.bytes += bytes.len() as u64;
            }
        }
    }
}
