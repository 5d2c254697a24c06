//! People as an operator sees them.

use chrono::{DateTime, Utc};
use garde::Validate;
use saas_domain::{EmailAddress, UserId};
use saas_storage::core::users;
use saas_web::ETag;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whether a person may sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum UserStatus {
    /// May sign in.
    Active,
    /// Signed up and waits for an operator.
    Pending,
    /// An operator shut them out.
    Disabled,
}

impl From<users::UserStatus> for UserStatus {
    fn from(status: users::UserStatus) -> Self {
        match status {
            users::UserStatus::Active => Self::Active,
            users::UserStatus::Pending => Self::Pending,
            users::UserStatus::Disabled => Self::Disabled,
        }
    }
}

impl From<UserStatus> for users::UserStatus {
    fn from(status: UserStatus) -> Self {
        match status {
            UserStatus::Active => Self::Active,
            UserStatus::Pending => Self::Pending,
            UserStatus::Disabled => Self::Disabled,
        }
    }
}

/// A person.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Person {
    /// Their identifier.
    #[schema(value_type = uuid::Uuid)]
    pub id: UserId,
    /// The address they sign in with.
    #[schema(value_type = String, format = "email")]
    pub email: EmailAddress,
    /// What they are called.
    pub name: String,
    /// Whether they may sign in.
    pub status: UserStatus,
    /// Whether they operate the platform.
    pub is_operator: bool,
    /// Whether they must change their password before anything else.
    pub must_change_password: bool,
    /// When they last signed in.
    #[schema(required = true)]
    pub last_login_at: Option<DateTime<Utc>>,
    /// When the account was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// Counts changes; the `ETag`.
    pub version: i64,
}

impl Person {
    pub fn etag(&self) -> ETag {
        ETag::version(self.version)
    }
}

impl From<users::User> for Person {
    fn from(user: users::User) -> Self {
        Self {
            id: user.id,
            email: user.email,
            name: user.name,
            status: user.status.into(),
            is_operator: user.is_operator,
            must_change_password: user.must_change_password,
            last_login_at: user.last_login_at,
            created_at: user.created_at,
            updated_at: user.updated_at,
            version: user.version,
        }
    }
}

/// A password that works until it is changed at the next sign-in; shown this once.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct PasswordReset {
    /// The password.
    pub one_time_password: String,
}

/// Whose password is lost.
#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetRequest {
    /// The address they sign in with.
    #[garde(skip)]
    pub email: EmailAddress,
}
