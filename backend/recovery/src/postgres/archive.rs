//! Whether the server's changes reach its archive.

use chrono::{DateTime, Utc};
use sqlx::{Connection as _, PgConnection};

use super::Programs;
use crate::RecoveryError;

/// What PostgreSQL says of its archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// The last segment that reached it, and when.
    pub archived: Option<(String, DateTime<Utc>)>,
    /// The last one that did not, and when that was tried.
    pub failed: Option<(String, DateTime<Utc>)>,
}

impl Archive {
    /// Whether what was tried last did not work.
    pub fn is_failing(&self) -> bool {
        let moment = |of: &Option<(String, DateTime<Utc>)>| of.as_ref().map(|(_, at)| *at);
        moment(&self.failed) > moment(&self.archived)
    }
}

/// `None` where the server keeps none.
///
/// # Errors
/// [`RecoveryError::Database`].
pub(crate) async fn archive(server: &Programs) -> Result<Option<Archive>, RecoveryError> {
    let connected = PgConnection::connect(server.url()).await;
    let mut connection = connected.map_err(RecoveryError::Database)?;
    let read = async {
        let mode: String = sqlx::query_scalar("SHOW archive_mode")
            .fetch_one(&mut connection)
            .await?;
        if mode == "off" {
            return Ok(None);
        }
        let (archived, archived_at, failed, failed_at): (
            Option<String>,
            Option<DateTime<Utc>>,
            Option<String>,
            Option<DateTime<Utc>>,
        ) = sqlx::query_as(
            "SELECT last_archived_wal, last_archived_time, last_failed_wal, last_failed_time FROM pg_stat_archiver",
        )
        .fetch_one(&mut connection)
        .await?;
        Ok(Some(Archive {
            archived: archived.zip(archived_at),
            failed: failed.zip(failed_at),
        }))
    };
    let read = read.await.map_err(RecoveryError::Database);
    let _ = connection.close().await;
    read
}
