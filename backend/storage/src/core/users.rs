//! People. A person belongs to the platform; a membership ties them to a tenant.

use chrono::{DateTime, Utc};
use saas_domain::{EmailAddress, UserId};
use sea_orm::{
    ActiveValue::Set, QueryOrder as _, QuerySelect as _, entity::prelude::*,
    sea_query::ExprTrait as _,
};

use super::place::{Place, contains};
use crate::{StorageError, SystemTx, transaction::OpenTransaction as _};

/// Whether a person may sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserStatus {
    /// May sign in.
    Active,
    /// Signed up where an operator activates accounts, and was not activated yet.
    Pending,
    /// An operator shut them out.
    Disabled,
}

impl UserStatus {
    /// The form in the database and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Disabled => "disabled",
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, StorageError> {
        match text {
            "active" => Ok(Self::Active),
            "pending" => Ok(Self::Pending),
            "disabled" => Ok(Self::Disabled),
            other => Err(StorageError::corrupt("users.status", format!("`{other}`"))),
        }
    }
}

/// A person.
#[derive(Clone, Debug)]
pub struct User {
    /// Their identifier.
    pub id: UserId,
    /// The address they sign in with, unique on the platform.
    pub email: EmailAddress,
    /// What they are called.
    pub name: String,
    /// Argon2id, in PHC string format.
    pub password_hash: String,
    /// Whether they may sign in.
    pub status: UserStatus,
    /// Whether they operate the platform.
    pub is_operator: bool,
    /// Whether their password was given to them and opens nothing but its own change.
    pub must_change_password: bool,
    /// When they last signed in with the password.
    pub last_login_at: Option<DateTime<Utc>>,
    /// Counts changes, from 1.
    pub version: i64,
    /// When the row was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// Which people a list shows.
#[derive(Clone, Debug, Default)]
pub struct UserFilter {
    /// Only the one with this address.
    pub email: Option<EmailAddress>,
    /// Only those with this status.
    pub status: Option<UserStatus>,
    /// Only those whose name or address contains this, in any case.
    pub search: Option<String>,
}

/// Adds a person.
///
/// # Errors
/// [`StorageError::Conflict`] if somebody has the address.
pub async fn insert(tx: &SystemTx, user: &User) -> Result<(), StorageError> {
    let row = row::ActiveModel {
        id: Set(user.id.as_uuid()),
        email: Set(user.email.as_str().to_owned()),
        name: Set(user.name.clone()),
        password_hash: Set(user.password_hash.clone()),
        status: Set(user.status.as_str().to_owned()),
        is_operator: Set(user.is_operator),
        must_change_password: Set(user.must_change_password),
        last_login_at: Set(user.last_login_at),
        version: Set(user.version),
        created_at: Set(user.created_at),
        updated_at: Set(user.updated_at),
    };
    row::Entity::insert(row)
        .exec_without_returning(tx.connection())
        .await?;
    Ok(())
}

/// The person, if there is one.
pub async fn find(tx: &SystemTx, id: UserId) -> Result<Option<User>, StorageError> {
    let row = row::Entity::find_by_id(id.as_uuid())
        .one(tx.connection())
        .await?;
    row.map(User::try_from).transpose()
}

/// The person with the address, if there is one.
pub async fn find_by_email(
    tx: &SystemTx,
    email: &EmailAddress,
) -> Result<Option<User>, StorageError> {
    let row = row::Entity::find()
        .filter(row::Column::Email.eq(email.as_str()))
        .one(tx.connection())
        .await?;
    row.map(User::try_from).transpose()
}

/// People in the order they were added.
pub async fn list(
    tx: &SystemTx,
    filter: &UserFilter,
    place: Place<UserId>,
) -> Result<Vec<User>, StorageError> {
    let mut select = row::Entity::find().order_by(row::Column::Id, place.order());
    if let Some(email) = &filter.email {
        select = select.filter(row::Column::Email.eq(email.as_str()));
    }
    if let Some(status) = filter.status {
        select = select.filter(row::Column::Status.eq(status.as_str()));
    }
    if let Some(search) = &filter.search {
        let found = contains(Expr::col(row::Column::Name), search)
            .or(contains(Expr::col(row::Column::Email), search));
        select = select.filter(found);
    }
    if let Some(beyond) = place.beyond(Expr::col(row::Column::Id)) {
        select = select.filter(beyond);
    }
    let rows = select.limit(place.limit()).all(tx.connection()).await?;
    rows.into_iter().map(User::try_from).collect()
}

/// The person, locked until the transaction ends, so that what is decided about them now still
/// holds when it is committed.
pub async fn lock(tx: &SystemTx, id: UserId) -> Result<Option<User>, StorageError> {
    let row = row::Entity::find_by_id(id.as_uuid())
        .lock_exclusive()
        .one(tx.connection())
        .await?;
    row.map(User::try_from).transpose()
}

/// The addresses of the given people.
pub async fn emails(tx: &SystemTx, ids: &[UserId]) -> Result<Vec<(UserId, String)>, StorageError> {
    let rows = row::Entity::find()
        .select_only()
        .columns([row::Column::Id, row::Column::Email])
        .filter(row::Column::Id.is_in(ids.iter().map(|id| id.as_uuid())))
        .into_tuple::<(Uuid, String)>()
        .all(tx.connection())
        .await?;
    Ok(rows
        .into_iter()
        .map(|(id, email)| (id.into(), email))
        .collect())
}

/// How many there are.
pub async fn count(tx: &SystemTx) -> Result<u64, StorageError> {
    Ok(row::Entity::find().count(tx.connection()).await?)
}

/// Whether anybody operates the platform, disabled or not.
pub async fn any_operator(tx: &SystemTx) -> Result<bool, StorageError> {
    let found = row::Entity::find()
        .filter(row::Column::IsOperator.eq(true))
        .one(tx.connection())
        .await?;
    Ok(found.is_some())
}

/// How many operators can sign in.
pub async fn active_operators(tx: &SystemTx) -> Result<u64, StorageError> {
    let count = row::Entity::find()
        .filter(row::Column::IsOperator.eq(true))
        .filter(row::Column::Status.eq(UserStatus::Active.as_str()))
        .count(tx.connection())
        .await?;
    Ok(count)
}

/// Replaces the hash, whatever the version.
pub async fn set_password(
    tx: &SystemTx,
    id: UserId,
    hash: &str,
    must_change: bool,
    now: DateTime<Utc>,
) -> Result<(), StorageError> {
    row::Entity::update_many()
        .col_expr(row::Column::PasswordHash, Expr::value(hash))
        .col_expr(row::Column::MustChangePassword, Expr::value(must_change))
        .col_expr(row::Column::Version, Expr::col(row::Column::Version).add(1))
        .col_expr(row::Column::UpdatedAt, Expr::value(now))
        .filter(row::Column::Id.eq(id.as_uuid()))
        .exec(tx.connection())
        .await?;
    Ok(())
}

/// Sets the status if the row still has the version; false if it does not.
pub async fn set_status(
    tx: &SystemTx,
    id: UserId,
    version: i64,
    status: UserStatus,
    now: DateTime<Utc>,
) -> Result<bool, StorageError> {
    let updated = row::Entity::update_many()
        .col_expr(row::Column::Status, Expr::value(status.as_str()))
        .col_expr(row::Column::Version, Expr::value(version + 1))
        .col_expr(row::Column::UpdatedAt, Expr::value(now))
        .filter(row::Column::Id.eq(id.as_uuid()))
        .filter(row::Column::Version.eq(version))
        .exec(tx.connection())
        .await?;
    Ok(updated.rows_affected == 1)
}

/// Notes a sign-in. It is not a change that anybody must hear of, so the version stays.
pub async fn note_login(tx: &SystemTx, id: UserId, now: DateTime<Utc>) -> Result<(), StorageError> {
    row::Entity::update_many()
        .col_expr(row::Column::LastLoginAt, Expr::value(now))
        .filter(row::Column::Id.eq(id.as_uuid()))
        .exec(tx.connection())
        .await?;
    Ok(())
}

impl TryFrom<row::Model> for User {
    type Error = StorageError;

    fn try_from(row: row::Model) -> Result<Self, StorageError> {
        let email = row
            .email
            .parse()
            .map_err(|error| StorageError::corrupt("users.email", error))?;
        Ok(Self {
            id: row.id.into(),
            email,
            name: row.name,
            password_hash: row.password_hash,
            status: UserStatus::parse(&row.status)?,
            is_operator: row.is_operator,
            must_change_password: row.must_change_password,
            last_login_at: row.last_login_at,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

pub(super) mod row {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "users")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub email: String,
        pub name: String,
        pub password_hash: String,
        pub status: String,
        pub is_operator: bool,
        pub must_change_password: bool,
        pub last_login_at: Option<DateTime<Utc>>,
        pub version: i64,
        pub created_at: DateTime<Utc>,
        pub updated_at: DateTime<Utc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
