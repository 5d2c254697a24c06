//! The cache in Redis.

use std::{fmt, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use redis::{
    AsyncCommands as _, Client, RedisResult, TlsCertificates,
    aio::{ConnectionManager, ConnectionManagerConfig},
};

use crate::{CacheError, away::Away};

/// Before every key, so that the database may be shared.
pub(crate) const PREFIX: &str = "saas:";
/// A cache slower than the database it spares is of no use.
const ANSWER_WITHIN: Duration = Duration::from_millis(250);

/// Values kept in Redis.
#[derive(Clone)]
pub struct Remote {
    connection: ConnectionManager,
    away: Arc<Away>,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").finish_non_exhaustive()
    }
}

/// A client for an address of Redis.
pub(crate) fn client(url: &str, authorities: Option<&Path>) -> Result<Client, CacheError> {
    let by_tls = url.starts_with("rediss://");
    if by_tls && url.ends_with("#insecure") {
        return Err(CacheError::Insecure);
    }
    let client = match authorities.filter(|_| by_tls) {
        None => Client::open(url),
        Some(path) => {
            let certificates = TlsCertificates {
                client_tls: None,
                root_cert: Some(saas_tls::authorities(path)?),
            };
            Client::build_with_tls(url, certificates)
        }
    };
    client.map_err(CacheError::Address)
}

impl Remote {
    pub(crate) fn new(url: &str, authorities: Option<&Path>) -> Result<Self, CacheError> {
        let client = client(url, authorities)?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(ANSWER_WITHIN))
            .set_response_timeout(Some(ANSWER_WITHIN))
            .set_number_of_retries(1);
        let connection =
            ConnectionManager::new_lazy_with_config(client, config).map_err(CacheError::Address)?;
        Ok(Self {
            connection,
            away: Arc::new(Away::new("reading without a cache")),
        })
    }

    pub(crate) async fn get(&self, key: &str) -> Option<Bytes> {
        if self.away.is_resting() {
            return None;
        }
        let mut connection = self.connection.clone();
        let found: RedisResult<Option<Vec<u8>>> = connection.get(format!("{PREFIX}{key}")).await;
        self.away.note(found).ok()?.map(Bytes::from)
    }

    pub(crate) async fn set(&self, key: &str, bytes: Vec<u8>, ttl: Duration) {
        if self.away.is_resting() {
            return;
        }
        let mut connection = self.connection.clone();
        let key = format!("{PREFIX}{key}");
        let done: RedisResult<()> = connection.set_ex(key, bytes, ttl.as_secs().max(1)).await;
        // Told by the note; what is not kept is read again.
        let _ = self.away.note(done);
    }

    pub(crate) async fn delete(&self, keys: &[String]) {
        if keys.is_empty() || self.away.is_resting() {
            return;
        }
        let keys: Vec<String> = keys.iter().map(|key| format!("{PREFIX}{key}")).collect();
        let mut connection = self.connection.clone();
        let done: RedisResult<()> = connection.del(keys).await;
        // Told by the note; what is not kept is read again.
        let _ = self.away.note(done);
    }

    pub(crate) fn failures(&self) -> u64 {
        self.away.failures()
    }

    pub(crate) async fn ping(&self) -> Result<(), CacheError> {
        let mut connection = self.connection.clone();
        redis::cmd("PING")
            .query_async(&mut connection)
            .await
            .map_err(CacheError::Away)
    }
}
