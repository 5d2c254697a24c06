//! Sessions: each from a sign-in to its end.

use chrono::{DateTime, Utc};
use saas_domain::{SessionId, TenantId, UserId};
use sea_orm::{
    ActiveValue::Set, QueryOrder as _, QuerySelect as _, entity::prelude::*, sea_query::Query,
};

use crate::{StorageError, SystemTx, transaction::OpenTransaction as _};

use super::{place::Place, refresh_tokens};

/// How the refresh token reaches its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    /// In the answer's body: a program.
    Token,
    /// In a cookie that scripts cannot read: a browser.
    Cookie,
}

impl SessionKind {
    /// The form in the database and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Cookie => "cookie",
        }
    }
}

/// Why a session ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevokeReason {
    /// Its owner signed out.
    Logout,
    /// Its owner ended it from another session.
    Owner,
    /// A refresh token came a second time.
    Reuse,
    /// The password changed.
    Password,
    /// An operator disabled the person.
    Disabled,
    /// The database was restored: it does not know who ended it since.
    Restored,
}

impl RevokeReason {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Owner => "owner",
            Self::Reuse => "reuse",
            Self::Password => "password",
            Self::Disabled => "disabled",
            Self::Restored => "restored",
        }
    }
}

/// A session.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its identifier, the `sid` of its tokens.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// The tenant its tokens act in.
    pub tenant_id: Option<TenantId>,
    /// How its refresh token travels.
    pub kind: SessionKind,
    /// The program it began with, as that called itself, cut to 256 characters.
    pub user_agent: Option<String>,
    /// The address it began from.
    pub address: Option<String>,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When tokens were last issued.
    pub last_used_at: DateTime<Utc>,
    /// When the newest refresh token ends.
    pub expires_at: DateTime<Utc>,
    /// When the newest access token ends.
    pub token_expires_at: DateTime<Utc>,
    /// When it was ended before its time.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// What issuing tokens changes in their session.
#[derive(Clone, Copy, Debug)]
pub struct SessionUse {
    /// The tenant its tokens act in from now on.
    pub tenant_id: Option<TenantId>,
    /// When the refresh token ends.
    pub expires_at: DateTime<Utc>,
    /// When the access token ends.
    pub token_expires_at: DateTime<Utc>,
    /// Now.
    pub at: DateTime<Utc>,
}

/// Adds a session.
pub async fn insert(tx: &SystemTx, session: &Session) -> Result<(), StorageError> {
    let row = row::ActiveModel {
        id: Set(session.id.as_uuid()),
        user_id: Set(session.user_id.as_uuid()),
        tenant_id: Set(session.tenant_id.map(TenantId::as_uuid)),
        kind: Set(session.kind.as_str().to_owned()),
        user_agent: Set(session.user_agent.clone()),
        address: Set(session.address.clone()),
        created_at: Set(session.created_at),
        last_used_at: Set(session.last_used_at),
        expires_at: Set(session.expires_at),
        token_expires_at: Set(session.token_expires_at),
        revoked_at: Set(session.revoked_at),
        revoked_reason: Set(None),
    };
    row::Entity::insert(row)
        .exec_without_returning(tx.connection())
        .await?;
    Ok(())
}

/// The session, ended or not, if it is still kept.
pub async fn find(tx: &SystemTx, id: SessionId) -> Result<Option<Session>, StorageError> {
    let row = row::Entity::find_by_id(id.as_uuid())
        .one(tx.connection())
        .await?;
    row.map(Session::try_from).transpose()
}

/// The person's sessions that go on at `now`, in the order they began.
pub async fn of_user(
    tx: &SystemTx,
    user: UserId,
    now: DateTime<Utc>,
    place: Place<SessionId>,
) -> Result<Vec<Session>, StorageError> {
    let mut select = row::Entity::find()
        .filter(row::Column::UserId.eq(user.as_uuid()))
        .filter(row::Column::RevokedAt.is_null())
        .filter(row::Column::ExpiresAt.gt(now))
        .order_by(row::Column::Id, place.order());
    if let Some(beyond) = place.beyond(Expr::col(row::Column::Id)) {
        select = select.filter(beyond);
    }
    let rows = select.limit(place.limit()).all(tx.connection()).await?;
    rows.into_iter().map(Session::try_from).collect()
}

/// Notes that tokens were issued; false if the session was ended meanwhile.
pub async fn note_use(
    tx: &SystemTx,
    id: SessionId,
    session_use: SessionUse,
) -> Result<bool, StorageError> {
    let updated = row::Entity::update_many()
        .col_expr(
            row::Column::TenantId,
            Expr::value(session_use.tenant_id.map(TenantId::as_uuid)),
        )
        .col_expr(row::Column::LastUsedAt, Expr::value(session_use.at))
        .col_expr(row::Column::ExpiresAt, Expr::value(session_use.expires_at))
        .col_expr(
            row::Column::TokenExpiresAt,
            Expr::value(session_use.token_expires_at),
        )
        .filter(row::Column::Id.eq(id.as_uuid()))
        .filter(row::Column::RevokedAt.is_null())
        .exec(tx.connection())
        .await?;
    Ok(updated.rows_affected == 1)
}

/// Ends a session; false if it had ended already.
pub async fn revoke(
    tx: &SystemTx,
    id: SessionId,
    reason: RevokeReason,
    now: DateTime<Utc>,
) -> Result<bool, StorageError> {
    let updated = row::Entity::update_many()
        .col_expr(row::Column::RevokedAt, Expr::value(now))
        .col_expr(row::Column::RevokedReason, Expr::value(reason.as_str()))
        .filter(row::Column::Id.eq(id.as_uuid()))
        .filter(row::Column::RevokedAt.is_null())
        .exec(tx.connection())
        .await?;
    Ok(updated.rows_affected == 1)
}

/// Ends every session, and returns how many there were.
pub async fn revoke_everybody(
    tx: &SystemTx,
    reason: RevokeReason,
    now: DateTime<Utc>,
) -> Result<u64, StorageError> {
    let updated = row::Entity::update_many()
        .col_expr(row::Column::RevokedAt, Expr::value(now))
        .col_expr(row::Column::RevokedReason, Expr::value(reason.as_str()))
        .filter(row::Column::RevokedAt.is_null())
        .exec(tx.connection())
        .await?;
    Ok(updated.rows_affected)
}

/// Ends the person's sessions but the one excepted, and returns those whose access tokens would
/// have lived on: everybody must hear of these.
pub async fn revoke_all(
    tx: &SystemTx,
    user: UserId,
    except: Option<SessionId>,
    reason: RevokeReason,
    now: DateTime<Utc>,
) -> Result<Vec<SessionId>, StorageError> {
    let mut update = row::Entity::update_many()
        .col_expr(row::Column::RevokedAt, Expr::value(now))
        .col_expr(row::Column::RevokedReason, Expr::value(reason.as_str()))
        .filter(row::Column::UserId.eq(user.as_uuid()))
        .filter(row::Column::RevokedAt.is_null());
    if let Some(except) = except {
        update = update.filter(row::Column::Id.ne(except.as_uuid()));
    }
    let rows = update.exec_with_returning(tx.connection()).await?;
    Ok(rows
        .into_iter()
        .filter(|row| row.token_expires_at > now)
        .map(|row| row.id.into())
        .collect())
}

/// Ended sessions whose access tokens would still live at `now`.
pub async fn revoked(tx: &SystemTx, now: DateTime<Utc>) -> Result<Vec<Session>, StorageError> {
    let rows = row::Entity::find()
        .filter(row::Column::RevokedAt.is_not_null())
        .filter(row::Column::TokenExpiresAt.gt(now))
        .all(tx.connection())
        .await?;
    rows.into_iter().map(Session::try_from).collect()
}

/// Those of the given sessions that were ended.
pub async fn revoked_of(tx: &SystemTx, ids: &[SessionId]) -> Result<Vec<Session>, StorageError> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let rows = row::Entity::find()
        .filter(row::Column::Id.is_in(ids))
        .filter(row::Column::RevokedAt.is_not_null())
        .all(tx.connection())
        .await?;
    rows.into_iter().map(Session::try_from).collect()
}

/// Forgets sessions, and with them their refresh tokens, of which nothing lives at `before`; and
/// refresh tokens that ended before it.
pub async fn prune(tx: &SystemTx, before: DateTime<Utc>) -> Result<u64, StorageError> {
    refresh_tokens::prune(tx, before).await?;
    let old = Query::select()
        .column(row::Column::Id)
        .from(row::Entity)
        .and_where(row::Column::ExpiresAt.lt(before))
        .and_where(row::Column::TokenExpiresAt.lt(before))
        .limit(1000)
        .to_owned();
    let deleted = row::Entity::delete_many()
        .filter(row::Column::Id.in_subquery(old))
        .exec(tx.connection())
        .await?;
    Ok(deleted.rows_affected)
}

impl TryFrom<row::Model> for Session {
    type Error = StorageError;

    fn try_from(row: row::Model) -> Result<Self, StorageError> {
        let kind = match row.kind.as_str() {
            "token" => SessionKind::Token,
            "cookie" => SessionKind::Cookie,
            other => return Err(StorageError::corrupt("sessions.kind", format!("`{other}`"))),
        };
        Ok(Self {
            id: row.id.into(),
            user_id: row.user_id.into(),
            tenant_id: row.tenant_id.map(TenantId::from),
            kind,
            user_agent: row.user_agent,
            address: row.address,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            expires_at: row.expires_at,
            token_expires_at: row.token_expires_at,
            revoked_at: row.revoked_at,
        })
    }
}

mod row {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "sessions")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub user_id: Uuid,
        pub tenant_id: Option<Uuid>,
        pub kind: String,
        pub user_agent: Option<String>,
        pub address: Option<String>,
        pub created_at: DateTime<Utc>,
        pub last_used_at: DateTime<Utc>,
        pub expires_at: DateTime<Utc>,
        pub token_expires_at: DateTime<Utc>,
        pub revoked_at: Option<DateTime<Utc>>,
        pub revoked_reason: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
