//! Cached reads: in the process itself, or in Redis where several processes share them.
//!
//! [`Cache`] is the store, [`ChangeCache`] the way to read through it without ever serving a value
//! that a change has overtaken. A cache that is away is a miss and never an error to a user: what is
//! cached can be read again from where it came from. [`SharedBuckets`] counts what several processes
//! may take together.

mod away;
mod buckets;
mod change;
mod memory;
mod remote;

use std::{path::Path, time::Duration};

use serde::{Serialize, de::DeserializeOwned};

pub use buckets::{BURST_SECONDS, Order, Receipt, SharedBuckets, Tokens};
pub use change::{ChangeCache, Changes};
use memory::Memory;
use remote::Remote;

/// Why the cache could not be set up or does not answer.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The address is not one of Redis.
    #[error(
        "REDIS_URL is not an address of Redis; expected redis://:password@host:6379/0, or rediss:// for TLS"
    )]
    Address(#[source] redis::RedisError),
    /// The address asks for TLS without a look at who answers.
    #[error(
        "REDIS_URL ends with #insecure, by which anybody could answer for Redis; leave that out, and name a private authority in TLS_CA_FILE"
    )]
    Insecure,
    /// The authorities to believe cannot be read.
    #[error(transparent)]
    Authorities(#[from] saas_tls::TlsError),
    /// Redis does not answer, or answers with an error.
    #[error("Redis does not answer")]
    Away(#[source] redis::RedisError),
    /// Redis did not answer a moment ago, and is not asked again yet.
    #[error("Redis did not answer a moment ago")]
    Resting,
}

/// Whether an address of Redis can be understood; nobody is asked.
///
/// # Errors
/// Those of [`Cache::redis`].
pub fn check_address(url: &str, authorities: Option<&Path>) -> Result<(), CacheError> {
    remote::client(url, authorities).map(drop)
}

/// Where cached values are kept. Cloning shares the store.
#[derive(Clone, Debug)]
pub enum Cache {
    /// In this process, bounded to about 16 MiB.
    Memory(Memory),
    /// In Redis, under keys that begin with `saas:`.
    Redis(Remote),
}

impl Cache {
    /// A cache within this process.
    pub fn memory() -> Self {
        Self::Memory(Memory::new())
    }

    /// A cache in Redis. Connects on first use, so that a process starts while Redis is away. By
    /// TLS (`rediss://`), who answers has to be certified for the host in the address, by an
    /// authority of the PEM file `authorities` if there is one, else of the system's.
    ///
    /// # Errors
    /// [`CacheError::Address`] if the address cannot be understood, [`CacheError::Insecure`] if it asks
    /// for TLS without a check, [`CacheError::Authorities`] if the file cannot be read.
    pub fn redis(url: &str, authorities: Option<&Path>) -> Result<Self, CacheError> {
        Remote::new(url, authorities).map(Self::Redis)
    }

    /// The value under the key; `None` if there is none, it has expired, it is of another shape
    /// than `T` (an older version's), or the cache is away.
    pub async fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let bytes = match self {
            Self::Memory(memory) => memory.get(key).await,
            Self::Redis(remote) => remote.get(key).await,
        }?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Keeps the value for `ttl`, a second at least.
    pub async fn set<T: Serialize>(&self, key: &str, value: &T, ttl: Duration) {
        let Ok(bytes) = serde_json::to_vec(value) else {
            return;
        };
        match self {
            Self::Memory(memory) => memory.set(key, bytes, ttl).await,
            Self::Redis(remote) => remote.set(key, bytes, ttl).await,
        }
    }

    /// Forgets the values under the keys.
    pub async fn delete(&self, keys: &[String]) {
        match self {
            Self::Memory(memory) => memory.delete(keys).await,
            Self::Redis(remote) => remote.delete(keys).await,
        }
    }

    /// `memory` or `redis`, for labels.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Memory(_) => "memory",
            Self::Redis(_) => "redis",
        }
    }

    /// How many calls failed since it was made; never any for the one in the process.
    pub fn failures(&self) -> u64 {
        match self {
            Self::Memory(_) => 0,
            Self::Redis(remote) => remote.failures(),
        }
    }

    /// Whether the cache answers; always for the one in the process.
    ///
    /// # Errors
    /// [`CacheError::Away`] with the reason.
    pub async fn ping(&self) -> Result<(), CacheError> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Redis(remote) => remote.ping().await,
        }
    }
}
