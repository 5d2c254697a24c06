//! Whether the server's changes reach its archive.

use chrono::{DateTime, Utc};
use sqlx::{Connection as _, PgConnection, Row as _};

use super::Programs;
use crate::RecoveryError;

/// The name of a segment of the log, and when it was last tried.
pub type Segment = Option<(String, DateTime<Utc>)>;

/// What PostgreSQL says of its archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// The last segment that reached it, and when.
    pub archived: Segment,
    /// The last one that did not, and when that was tried.
    pub failed: Segment,
}

impl Archive {
    /// Whether what was tried last did not work.
    pub fn is_failing(&self) -> bool {
        let moment = |of: &Segment| of.as_ref().map(|(_, at)| *at);
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
        let row = sqlx::query(
            "SELECT last_archived_wal, last_archived_time, last_failed_wal, last_failed_time FROM pg_stat_archiver",
        )
        .fetch_one(&mut connection)
        .await?;
        let segment = |name: usize, time: usize| -> Result<Segment, sqlx::Error> {
            let name: Option<String> = row.try_get(name)?;
            Ok(name.zip(row.try_get(time)?))
        };
        Ok(Some(Archive {
            archived: segment(0, 1)?,
            failed: segment(2, 3)?,
        }))
    };
    let read = read.await.map_err(RecoveryError::Database);
    let _ = connection.close().await;
    read
}
