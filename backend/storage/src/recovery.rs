//! Backups and drills: which were begun, by whom, and how they ended.
//!
//! A moment of the schedule has one row, so whoever inserts it is the one who does the run. Times are
//! the database's ([`SystemTx::database_time`]), except for the moment itself.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, QueryOrder as _, QuerySelect as _, entity::prelude::*, sea_query::OnConflict,
};

use crate::{
    StorageError, SystemTx, installation::new_id, time, transaction::OpenTransaction as _,
};

/// What is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunKind {
    /// A backup was to be made.
    Backup,
    /// A backup was to be restored beside the live system.
    Drill,
}

impl RunKind {
    /// Its name, as it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Drill => "drill",
        }
    }
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunStatus {
    /// Begun; whether its process still lives is not known from this.
    Running,
    /// Done.
    Succeeded,
    /// It came to nothing.
    Failed,
}

impl RunStatus {
    /// Its name, as it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

/// One backup or drill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryRun {
    /// Its identifier.
    pub id: Uuid,
    /// What is run.
    pub kind: RunKind,
    /// How far it is.
    pub status: RunStatus,
    /// The moment of the schedule that it is for; `None` if somebody asked for it.
    pub scheduled_for: Option<DateTime<Utc>>,
    /// When it was begun, the last time if it was begun again.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Which process runs it, by a name that no other has.
    pub holder: String,
    /// JSON, byte for byte as it was written.
    pub detail: String,
}

/// Begins a run. `None` if the moment has its run already: then somebody else does it.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn begin(
    tx: &SystemTx,
    kind: RunKind,
    scheduled_for: Option<DateTime<Utc>>,
    holder: &str,
) -> Result<Option<RecoveryRun>, StorageError> {
    let run = RecoveryRun {
        id: new_id(tx.clock(), tx.random()),
        kind,
        status: RunStatus::Running,
        scheduled_for,
        started_at: time::read(tx).await?,
        finished_at: None,
        holder: holder.to_owned(),
        detail: "{}".to_owned(),
    };
    let row = row::ActiveModel {
        id: Set(run.id),
        kind: Set(kind.as_str().to_owned()),
        status: Set(run.status.as_str().to_owned()),
        scheduled_for: Set(scheduled_for),
        started_at: Set(run.started_at),
        finished_at: Set(None),
        holder: Set(run.holder.clone()),
        detail: Set(run.detail.clone()),
    };
    let once = OnConflict::columns([row::Column::Kind, row::Column::ScheduledFor])
        .do_nothing()
        .to_owned();
    let inserted = row::Entity::insert(row)
        .on_conflict(once)
        .exec_without_returning(tx.connection())
        .await?;
    Ok((inserted == 1).then_some(run))
}

/// Begins a run again whose process ended before it, or that failed; false if it ended well, or
/// another process was quicker. What there is to say of it from now on is `detail`.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn take_over(
    tx: &SystemTx,
    run: &RecoveryRun,
    holder: &str,
    detail: &str,
) -> Result<bool, StorageError> {
    let updated = row::Entity::update_many()
        .col_expr(row::Column::Holder, Expr::value(holder))
        .col_expr(row::Column::Detail, Expr::value(detail))
        .col_expr(row::Column::StartedAt, Expr::value(time::read(tx).await?))
        .col_expr(row::Column::FinishedAt, Expr::value(None::<DateTime<Utc>>))
        .col_expr(
            row::Column::Status,
            Expr::value(RunStatus::Running.as_str()),
        )
        .filter(row::Column::Id.eq(run.id))
        .filter(row::Column::Holder.eq(run.holder.as_str()))
        .filter(row::Column::Status.eq(run.status.as_str()))
        .filter(row::Column::StartedAt.eq(run.started_at))
        .filter(row::Column::Status.ne(RunStatus::Succeeded.as_str()))
        .exec(tx.connection())
        .await?;
    Ok(updated.rows_affected == 1)
}

/// Ends a run that `holder` runs; false if another process took it over meanwhile, whose run it is
/// then.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn finish(
    tx: &SystemTx,
    id: Uuid,
    holder: &str,
    status: RunStatus,
    detail: &str,
) -> Result<bool, StorageError> {
    let updated = row::Entity::update_many()
        .col_expr(row::Column::Status, Expr::value(status.as_str()))
        .col_expr(row::Column::Detail, Expr::value(detail))
        .col_expr(row::Column::FinishedAt, Expr::value(time::read(tx).await?))
        .filter(row::Column::Id.eq(id))
        .filter(row::Column::Holder.eq(holder))
        .filter(row::Column::Status.eq(RunStatus::Running.as_str()))
        .exec(tx.connection())
        .await?;
    Ok(updated.rows_affected == 1)
}

/// The run of this identifier.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn find(tx: &SystemTx, id: Uuid) -> Result<Option<RecoveryRun>, StorageError> {
    let row = row::Entity::find_by_id(id).one(tx.connection()).await?;
    row.map(RecoveryRun::try_from).transpose()
}

/// The run of the latest moment of the schedule, not after the given one, that has one. Later ones
/// are of a clock that went wrong.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn last_scheduled(
    tx: &SystemTx,
    kind: RunKind,
    until: DateTime<Utc>,
) -> Result<Option<RecoveryRun>, StorageError> {
    let row = row::Entity::find()
        .filter(row::Column::Kind.eq(kind.as_str()))
        .filter(row::Column::ScheduledFor.lte(until))
        .order_by_desc(row::Column::ScheduledFor)
        .one(tx.connection())
        .await?;
    row.map(RecoveryRun::try_from).transpose()
}

/// The run with this status that ended last.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn last_finished(
    tx: &SystemTx,
    kind: RunKind,
    status: RunStatus,
) -> Result<Option<RecoveryRun>, StorageError> {
    let row = row::Entity::find()
        .filter(row::Column::Kind.eq(kind.as_str()))
        .filter(row::Column::Status.eq(status.as_str()))
        .filter(row::Column::FinishedAt.is_not_null())
        .order_by_desc(row::Column::FinishedAt)
        .one(tx.connection())
        .await?;
    row.map(RecoveryRun::try_from).transpose()
}

/// The latest runs, at most `limit`, newest first.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn list(
    tx: &SystemTx,
    kind: RunKind,
    limit: u64,
) -> Result<Vec<RecoveryRun>, StorageError> {
    let rows = row::Entity::find()
        .filter(row::Column::Kind.eq(kind.as_str()))
        .order_by_desc(row::Column::StartedAt)
        .order_by_desc(row::Column::Id)
        .limit(limit)
        .all(tx.connection())
        .await?;
    rows.into_iter().map(RecoveryRun::try_from).collect()
}

/// Forgets runs of this kind that were begun before the given time.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn prune(
    tx: &SystemTx,
    kind: RunKind,
    before: DateTime<Utc>,
) -> Result<u64, StorageError> {
    let deleted = row::Entity::delete_many()
        .filter(row::Column::Kind.eq(kind.as_str()))
        .filter(row::Column::StartedAt.lt(before))
        .exec(tx.connection())
        .await?;
    Ok(deleted.rows_affected)
}

impl TryFrom<row::Model> for RecoveryRun {
    type Error = StorageError;

    fn try_from(row: row::Model) -> Result<Self, StorageError> {
        let kinds = [RunKind::Backup, RunKind::Drill];
        let kind = kinds.into_iter().find(|kind| kind.as_str() == row.kind);
        let statuses = [RunStatus::Running, RunStatus::Succeeded, RunStatus::Failed];
        let status = statuses
            .into_iter()
            .find(|status| status.as_str() == row.status);
        let unknown = |what, word: String| {
            StorageError::corrupt(what, format!("`{word}` is none that this version knows"))
        };
        Ok(Self {
            id: row.id,
            kind: kind.ok_or_else(|| unknown("recovery_runs.kind", row.kind))?,
            status: status.ok_or_else(|| unknown("recovery_runs.status", row.status))?,
            scheduled_for: row.scheduled_for,
            started_at: row.started_at,
            finished_at: row.finished_at,
            holder: row.holder,
            detail: row.detail,
        })
    }
}

mod row {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "recovery_runs")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub kind: String,
        pub status: String,
        pub scheduled_for: Option<DateTime<Utc>>,
        pub started_at: DateTime<Utc>,
        pub finished_at: Option<DateTime<Utc>>,
        pub holder: String,
        pub detail: String,
    }

    #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
