//! The people of a tenant. Those who are there stay as they are.

use saas_domain::UserId;
use saas_storage::{
    StorageError, SystemTx,
    core::users::{self, User, UserStatus},
};

use crate::RecoveryError;

/// Those of the named people who are not there any more, as they were.
///
/// # Errors
/// [`RecoveryError::EmailTaken`] when somebody else has the address of one.
pub(super) async fn missing(
    scratch: &SystemTx,
    live: &SystemTx,
    named: impl Iterator<Item = UserId>,
) -> Result<Vec<User>, RecoveryError> {
    let mut named: Vec<_> = named.collect();
    named.sort_unstable();
    named.dedup();
    let mut missing = Vec::new();
    for id in named {
        if users::find(live, id).await?.is_some() {
            continue;
        }
        let person = users::find(scratch, id).await?;
        let person = person.ok_or(StorageError::NotFound)?;
        if users::find_by_email(live, &person.email).await?.is_some() {
            return Err(RecoveryError::EmailTaken {
                person: id.to_string(),
                email: person.email.to_string(),
            });
        }
        missing.push(person);
    }
    Ok(missing)
}

/// Makes them anew with the same identifiers. They cannot sign in, and operate nothing: to let them
/// is for an operator to decide.
pub(super) async fn recreate(live: &SystemTx, people: &[User]) -> Result<(), StorageError> {
    for person in people {
        let disabled = User {
            status: UserStatus::Disabled,
            is_operator: false,
            ..person.clone()
        };
        users::insert(live, &disabled).await?;
    }
    Ok(())
}
