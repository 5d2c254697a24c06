//! Why storage for copies of backups cannot be used.

use std::{io, path::PathBuf, time::Duration};

use saas_registry_client::ClientError;

use crate::place::PlaceError;

/// Why a copy in a bucket could not be made, read or removed.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// Nobody answers, or the connection broke, however often it was tried.
    #[error("{address}: {source}")]
    Call {
        /// What was meant, as `s3://…`.
        address: String,
        /// What happened.
        source: ClientError,
    },
    /// It broke off in the middle of an answer.
    #[error("the answer about {address} broke off")]
    BrokeOff {
        /// What was meant, as `s3://…`.
        address: String,
        /// What the connection said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Nothing came for a while.
    #[error("nothing came of {address} for {after:?}")]
    Silent {
        /// What was meant, as `s3://…`.
        address: String,
        /// For so long.
        after: Duration,
    },
    /// The storage said no.
    #[error("{address}: the storage answered {status} {code}{said}; {}", remedy(*status, code, region.as_deref()))]
    Refused {
        /// What was meant, as `s3://…`.
        address: String,
        /// The status of HTTP.
        status: u16,
        /// The storage's word for it, or nothing.
        code: String,
        /// Its sentence in brackets, or nothing.
        said: String,
        /// Where the bucket is, if it said so.
        region: Option<String>,
    },
    /// It is no S3 that answers.
    #[error(
        "what answers for {0} does not speak S3; set BACKUP_S3_ENDPOINT to where the storage's S3 API is"
    )]
    Foreign(String),
    /// The address does not mean anything in the bucket of the settings.
    #[error(
        "`{url}` is no backup in the bucket of the settings; name one as `saas backup list` does, {expected}…"
    )]
    Address {
        /// What was given.
        url: String,
        /// How such addresses begin.
        expected: String,
    },
    /// Another object has the name.
    #[error(
        "{0} is there already and may be another one; it was left alone: look at it with `saas backup verify`"
    )]
    Taken(String),
    /// The file of a backup has the name of another one.
    #[error(
        "{} is there already and is not what {url} is; move it away, or restore one of them by its own name", path.display()
    )]
    Another {
        /// The file.
        path: PathBuf,
        /// The object.
        url: String,
    },
    /// The object is not what was sent.
    #[error("{0} is not what was sent, by its size or checksum; remove it and copy again")]
    Differs(String),
    /// Somebody else copies the same file.
    #[error("another process copies {} already", .0.display())]
    Busy(PathBuf),
    /// The file that is copied cannot be read, or was changed.
    #[error("{} cannot be read", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The directory for backups cannot be used.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// What comes cannot be written.
    #[error("writing failed: {0}; nothing was left behind")]
    Write(#[source] io::Error),
    /// It was told to stop.
    #[error("stopped")]
    Stopped,
}

impl BucketError {
    /// Whether the same may go well in a moment.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Call { source, .. } => !matches!(source, ClientError::Url { .. }),
            Self::BrokeOff { .. } | Self::Silent { .. } => true,
            Self::Refused { status, code, .. } => {
                // Not what the storage has no code for at all.
                (*status >= 500 && *status != 501) || *status == 429 || code == "RequestTimeout"
            }
            _ => false,
        }
    }

    /// The status that the storage answered with, if it did.
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }
}

fn remedy(status: u16, code: &str, region: Option<&str>) -> String {
    let fixed = match (code, status) {
        ("NoSuchBucket", _) => "make the bucket, or correct BACKUP_S3_BUCKET",
        ("InvalidAccessKeyId" | "SignatureDoesNotMatch", _) => {
            "correct BACKUP_S3_ACCESS_KEY_ID and BACKUP_S3_SECRET_ACCESS_KEY"
        }
        ("RequestTimeTooSkewed", _) => "set this machine's clock",
        ("AuthorizationHeaderMalformed" | "PermanentRedirect", _) | (_, 301 | 307) => {
            return match region {
                Some(region) => format!("set BACKUP_S3_REGION to {region}"),
                None => "set BACKUP_S3_REGION to where the bucket is".to_owned(),
            };
        }
        (_, 403) => "give the key the rights that docs/BACKUP.md lists, or correct it",
        (_, 404) => "`saas backup list` tells what is there",
        (_, 429 | 500..) => "try again later",
        _ => "correct the settings BACKUP_S3_…",
    };
    fixed.to_owned()
}
