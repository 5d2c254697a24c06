//! Refresh tokens: each works once and has one successor.

use chrono::{DateTime, Utc};
use saas_domain::SessionId;
use sea_orm::{ActiveValue::Set, entity::prelude::*, sea_query::Query};

use crate::{StorageError, SystemTx, transaction::OpenTransaction as _};

/// SHA-256 of a token.
pub type Digest = [u8; 32];

/// A refresh token, of which only the digest is kept.
#[derive(Clone, Debug)]
pub struct RefreshToken {
    /// The session it belongs to.
    pub session_id: SessionId,
    /// When it ends unless used.
    pub expires_at: DateTime<Utc>,
    /// What became of it, once it was used.
    pub used: Option<Used>,
}

/// How a refresh token was used.
#[derive(Clone, Debug)]
pub struct Used {
    /// When.
    pub at: DateTime<Utc>,
    /// Digest of the `Idempotency-Key` it came with.
    pub key: Option<Vec<u8>>,
    /// Digest of the token that took its place.
    pub successor: Vec<u8>,
    /// That token, sealed.
    pub successor_sealed: Vec<u8>,
}

/// Adds a token.
pub async fn insert(
    tx: &SystemTx,
    digest: &Digest,
    session: SessionId,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), StorageError> {
    let row = row::ActiveModel {
        digest: Set(digest.to_vec()),
        session_id: Set(session.as_uuid()),
        created_at: Set(now),
        expires_at: Set(expires_at),
        used_at: Set(None),
        used_key: Set(None),
        successor: Set(None),
        successor_sealed: Set(None),
    };
    row::Entity::insert(row)
        .exec_without_returning(tx.connection())
        .await?;
    Ok(())
}

/// The token with the digest, used or not, if it is still kept.
pub async fn find(tx: &SystemTx, digest: &[u8]) -> Result<Option<RefreshToken>, StorageError> {
    let row = row::Entity::find_by_id(digest.to_vec())
        .one(tx.connection())
        .await?;
    Ok(row.map(RefreshToken::from))
}

/// Uses the token, by one conditional update: of any number that try, exactly one gets true.
pub async fn use_once(tx: &SystemTx, digest: &Digest, used: &Used) -> Result<bool, StorageError> {
    let updated = row::Entity::update_many()
        .col_expr(row::Column::UsedAt, Expr::value(used.at))
        .col_expr(row::Column::UsedKey, Expr::value(used.key.clone()))
        .col_expr(row::Column::Successor, Expr::value(used.successor.clone()))
        .col_expr(
            row::Column::SuccessorSealed,
            Expr::value(used.successor_sealed.clone()),
        )
        .filter(row::Column::Digest.eq(digest.to_vec()))
        .filter(row::Column::UsedAt.is_null())
        .exec(tx.connection())
        .await?;
    Ok(updated.rows_affected == 1)
}

/// Puts a new token in the place of whatever token of the session is unused.
pub async fn supersede(tx: &SystemTx, session: SessionId, used: &Used) -> Result<(), StorageError> {
    row::Entity::update_many()
        .col_expr(row::Column::UsedAt, Expr::value(used.at))
        .col_expr(row::Column::Successor, Expr::value(used.successor.clone()))
        .col_expr(
            row::Column::SuccessorSealed,
            Expr::value(used.successor_sealed.clone()),
        )
        .filter(row::Column::SessionId.eq(session.as_uuid()))
        .filter(row::Column::UsedAt.is_null())
        .exec(tx.connection())
        .await?;
    Ok(())
}

/// Forgets tokens that ended before the given time, a thousand at most.
pub(super) async fn prune(tx: &SystemTx, before: DateTime<Utc>) -> Result<(), StorageError> {
    let old = Query::select()
        .column(row::Column::Digest)
        .from(row::Entity)
        .and_where(row::Column::ExpiresAt.lt(before))
        .limit(1000)
        .to_owned();
    row::Entity::delete_many()
        .filter(row::Column::Digest.in_subquery(old))
        .exec(tx.connection())
        .await?;
    Ok(())
}

impl From<row::Model> for RefreshToken {
    fn from(row: row::Model) -> Self {
        Self {
            session_id: row.session_id.into(),
            expires_at: row.expires_at,
            used: row.used_at.map(|at| Used {
                at,
                key: row.used_key,
                successor: row.successor.unwrap_or_default(),
                successor_sealed: row.successor_sealed.unwrap_or_default(),
            }),
        }
    }
}

mod row {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "refresh_tokens")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub digest: Vec<u8>,
        pub session_id: Uuid,
        pub created_at: DateTime<Utc>,
        pub expires_at: DateTime<Utc>,
        pub used_at: Option<DateTime<Utc>>,
        pub used_key: Option<Vec<u8>>,
        pub successor: Option<Vec<u8>>,
        pub successor_sealed: Option<Vec<u8>>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
