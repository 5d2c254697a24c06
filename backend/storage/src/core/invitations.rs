//! Who may join which tenant once they say so. One invitation at a time for each address.

use chrono::{DateTime, Utc};
use saas_domain::{EmailAddress, InvitationId, Role, TenantId, UserId};
use sea_orm::{ActiveValue::Set, QueryOrder as _, QuerySelect as _, entity::prelude::*};

use super::place::Place;
use crate::{StorageError, SystemTx, TenantTx, transaction::OpenTransaction as _};

/// That the person with an address may join a tenant. It is open until it expires; a function here
/// that takes the time does not see others.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// Its identifier.
    pub id: InvitationId,
    /// The tenant.
    pub tenant_id: TenantId,
    /// The address that the person signs in with.
    pub email: EmailAddress,
    /// What they may do there.
    pub role: Role,
    /// SHA-256 of the code that they were given.
    pub digest: Vec<u8>,
    /// Who invited them.
    pub invited_by: UserId,
    /// When the row was made.
    pub created_at: DateTime<Utc>,
    /// From when on the code is of no use.
    pub expires_at: DateTime<Utc>,
}

/// Adds an invitation, in place of the tenant's earlier one for the address.
///
/// # Errors
/// [`StorageError::Conflict`] if somebody else invites the same address at the same moment.
pub async fn put(tx: &SystemTx, invitation: &Invitation) -> Result<(), StorageError> {
    row::Entity::delete_many()
        .filter(row::Column::TenantId.eq(invitation.tenant_id.as_uuid()))
        .filter(row::Column::Email.eq(invitation.email.as_str()))
        .exec(tx.connection())
        .await?;
    let row = row::ActiveModel {
        id: Set(invitation.id.as_uuid()),
        tenant_id: Set(invitation.tenant_id.as_uuid()),
        email: Set(invitation.email.as_str().to_owned()),
        role: Set(invitation.role.as_str().to_owned()),
        digest: Set(invitation.digest.clone()),
        invited_by: Set(invitation.invited_by.as_uuid()),
        created_at: Set(invitation.created_at),
        expires_at: Set(invitation.expires_at),
    };
    row::Entity::insert(row)
        .exec_without_returning(tx.connection())
        .await?;
    Ok(())
}

/// Every tenant's open invitation of the address.
pub async fn of_address(
    tx: &SystemTx,
    email: &EmailAddress,
    now: DateTime<Utc>,
) -> Result<Vec<Invitation>, StorageError> {
    let rows = row::Entity::find()
        .filter(row::Column::Email.eq(email.as_str()))
        .filter(row::Column::ExpiresAt.gt(now))
        .all(tx.connection())
        .await?;
    rows.into_iter().map(Invitation::try_from).collect()
}

/// The tenant's open invitations in the order they were made.
pub async fn list(
    tx: &TenantTx,
    now: DateTime<Utc>,
    place: Place<InvitationId>,
) -> Result<Vec<Invitation>, StorageError> {
    let mut select = row::Entity::find()
        .filter(row::Column::TenantId.eq(tx.tenant().as_uuid()))
        .filter(row::Column::ExpiresAt.gt(now))
        .order_by(row::Column::Id, place.order());
    if let Some(beyond) = place.beyond(Expr::col(row::Column::Id)) {
        select = select.filter(beyond);
    }
    let rows = select.limit(place.limit()).all(tx.connection()).await?;
    rows.into_iter().map(Invitation::try_from).collect()
}

/// The tenant's open invitation, if it has one with this identifier.
pub async fn find(
    tx: &TenantTx,
    id: InvitationId,
    now: DateTime<Utc>,
) -> Result<Option<Invitation>, StorageError> {
    let row = row::Entity::find_by_id(id.as_uuid())
        .filter(row::Column::TenantId.eq(tx.tenant().as_uuid()))
        .filter(row::Column::ExpiresAt.gt(now))
        .one(tx.connection())
        .await?;
    row.map(Invitation::try_from).transpose()
}

/// Removes the tenant's invitation; false if somebody else did, or it was accepted.
pub async fn delete(tx: &TenantTx, id: InvitationId) -> Result<bool, StorageError> {
    let deleted = row::Entity::delete_many()
        .filter(row::Column::Id.eq(id.as_uuid()))
        .filter(row::Column::TenantId.eq(tx.tenant().as_uuid()))
        .exec(tx.connection())
        .await?;
    Ok(deleted.rows_affected == 1)
}

/// Uses an invitation up; false if it is gone: of two that accept at once, one is told so.
pub async fn take(tx: &SystemTx, id: InvitationId) -> Result<bool, StorageError> {
    let deleted = row::Entity::delete_by_id(id.as_uuid())
        .exec(tx.connection())
        .await?;
    Ok(deleted.rows_affected == 1)
}

/// Forgets those that have expired.
pub async fn prune(tx: &SystemTx, now: DateTime<Utc>) -> Result<u64, StorageError> {
    let deleted = row::Entity::delete_many()
        .filter(row::Column::ExpiresAt.lte(now))
        .exec(tx.connection())
        .await?;
    Ok(deleted.rows_affected)
}

impl TryFrom<row::Model> for Invitation {
    type Error = StorageError;

    fn try_from(row: row::Model) -> Result<Self, StorageError> {
        let email = row
            .email
            .parse()
            .map_err(|error| StorageError::corrupt("invitations.email", error))?;
        let role = row
            .role
            .parse()
            .map_err(|error| StorageError::corrupt("invitations.role", error))?;
        Ok(Self {
            id: row.id.into(),
            tenant_id: row.tenant_id.into(),
            email,
            role,
            digest: row.digest,
            invited_by: row.invited_by.into(),
            created_at: row.created_at,
            expires_at: row.expires_at,
        })
    }
}

mod row {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "invitations")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub tenant_id: Uuid,
        pub email: String,
        pub role: String,
        pub digest: Vec<u8>,
        pub invited_by: Uuid,
        pub created_at: DateTime<Utc>,
        pub expires_at: DateTime<Utc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
