//! Who belongs to which tenant, with what role.

use chrono::{DateTime, Utc};
use saas_domain::{EmailAddress, MembershipId, Role, TenantId, UserId};
use sea_orm::{
    ActiveValue::Set, FromQueryResult, JoinType, QueryOrder as _, QuerySelect as _, Select,
    entity::prelude::*, sea_query::ExprTrait as _,
};

use crate::{StorageError, SystemTx, TenantTx, transaction::OpenTransaction as _};

use super::{
    place::{Place, contains},
    tenants::{self, Tenant},
    users::{self, UserStatus},
};

/// That a person belongs to a tenant.
#[derive(Clone, Debug)]
pub struct Membership {
    /// Its identifier.
    pub id: MembershipId,
    /// The tenant.
    pub tenant_id: TenantId,
    /// The person.
    pub user_id: UserId,
    /// What they may do there.
    pub role: Role,
    /// Counts changes, from 1.
    pub version: i64,
    /// When they joined.
    pub created_at: DateTime<Utc>,
    /// When the role last changed.
    pub updated_at: DateTime<Utc>,
}

/// A membership with what a tenant may know of the person.
#[derive(Clone, Debug)]
pub struct Member {
    /// The membership.
    pub membership: Membership,
    /// The person's address.
    pub email: EmailAddress,
    /// What they are called.
    pub name: String,
    /// Whether they may sign in.
    pub status: UserStatus,
    /// When they last signed in, to whichever tenant.
    pub last_login_at: Option<DateTime<Utc>>,
}

/// Which members a list shows.
#[derive(Clone, Debug, Default)]
pub struct MemberFilter {
    /// Only those with this role.
    pub role: Option<Role>,
    /// Only those whose name or address contains this, in any case.
    pub search: Option<String>,
}

/// Adds a membership.
///
/// # Errors
/// [`StorageError::Conflict`] if the person belongs to the tenant already.
pub async fn insert(tx: &SystemTx, membership: &Membership) -> Result<(), StorageError> {
    let row = row::ActiveModel {
        id: Set(membership.id.as_uuid()),
        tenant_id: Set(membership.tenant_id.as_uuid()),
        user_id: Set(membership.user_id.as_uuid()),
        role: Set(membership.role.as_str().to_owned()),
        version: Set(membership.version),
        created_at: Set(membership.created_at),
        updated_at: Set(membership.updated_at),
    };
    row::Entity::insert(row)
        .exec_without_returning(tx.connection())
        .await?;
    Ok(())
}

/// The person's memberships with their tenants, oldest first.
pub async fn of_user(
    tx: &SystemTx,
    user: UserId,
) -> Result<Vec<(Membership, Tenant)>, StorageError> {
    let rows = row::Entity::find()
        .find_also_related(tenants::row::Entity)
        .filter(row::Column::UserId.eq(user.as_uuid()))
        .order_by_asc(row::Column::Id)
        .all(tx.connection())
        .await?;
    let with_tenant = |(row, tenant): (row::Model, Option<tenants::row::Model>)| {
        let tenant = tenant
            .ok_or_else(|| StorageError::corrupt("memberships.tenant_id", "the tenant is gone"))?;
        Ok((Membership::try_from(row)?, Tenant::try_from(tenant)?))
    };
    rows.into_iter().map(with_tenant).collect()
}

/// The person's membership of the tenant, if there is one, kept from changing until the transaction
/// ends: what a token says of it is then true when the token is issued.
pub async fn lock_of_user_in(
    tx: &SystemTx,
    user: UserId,
    tenant: TenantId,
) -> Result<Option<Membership>, StorageError> {
    let row = row::Entity::find()
        .filter(row::Column::UserId.eq(user.as_uuid()))
        .filter(row::Column::TenantId.eq(tenant.as_uuid()))
        .lock_shared()
        .one(tx.connection())
        .await?;
    row.map(Membership::try_from).transpose()
}

/// The addresses of those of the given people who belong to the tenant.
pub async fn emails(tx: &TenantTx, ids: &[UserId]) -> Result<Vec<(UserId, String)>, StorageError> {
    let rows = row::Entity::find()
        .join(JoinType::InnerJoin, row::Relation::User.def())
        .select_only()
        .column(row::Column::UserId)
        .column(users::row::Column::Email)
        .filter(row::Column::TenantId.eq(tx.tenant().as_uuid()))
        .filter(row::Column::UserId.is_in(ids.iter().map(|id| id.as_uuid())))
        .into_tuple::<(Uuid, String)>()
        .all(tx.connection())
        .await?;
    Ok(rows
        .into_iter()
        .map(|(id, email)| (id.into(), email))
        .collect())
}

/// The person's membership of the tenant, if there is one.
pub async fn of_user_in(
    tx: &SystemTx,
    user: UserId,
    tenant: TenantId,
) -> Result<Option<Membership>, StorageError> {
    let row = row::Entity::find()
        .filter(row::Column::UserId.eq(user.as_uuid()))
        .filter(row::Column::TenantId.eq(tenant.as_uuid()))
        .one(tx.connection())
        .await?;
    row.map(Membership::try_from).transpose()
}

/// The tenant's members in the order they joined.
pub async fn list(
    tx: &TenantTx,
    filter: &MemberFilter,
    place: Place<MembershipId>,
) -> Result<Vec<Member>, StorageError> {
    let mut select = members(tx).order_by(row::Column::Id, place.order());
    if let Some(role) = filter.role {
        select = select.filter(row::Column::Role.eq(role.as_str()));
    }
    if let Some(search) = &filter.search {
        let column = |column| Expr::col((users::row::Entity, column));
        let found = contains(column(users::row::Column::Name), search)
            .or(contains(column(users::row::Column::Email), search));
        select = select.filter(found);
    }
    let id = Expr::col((row::Entity, row::Column::Id));
    if let Some(beyond) = place.beyond(id) {
        select = select.filter(beyond);
    }
    let rows = select
        .limit(place.limit())
        .into_model::<MemberRow>()
        .all(tx.connection())
        .await?;
    rows.into_iter().map(Member::try_from).collect()
}

/// The tenant's member, if it has one with this identifier.
pub async fn find(tx: &TenantTx, id: MembershipId) -> Result<Option<Member>, StorageError> {
    let row = members(tx)
        .filter(row::Column::Id.eq(id.as_uuid()))
        .into_model::<MemberRow>()
        .one(tx.connection())
        .await?;
    row.map(Member::try_from).transpose()
}

/// The tenant's owners, locked until the transaction ends: of two that would each remove the other,
/// one waits and then sees what the first did.
pub async fn lock_owners(tx: &TenantTx) -> Result<Vec<MembershipId>, StorageError> {
    let rows = row::Entity::find()
        .filter(row::Column::TenantId.eq(tx.tenant().as_uuid()))
        .filter(row::Column::Role.eq(Role::Owner.as_str()))
        .order_by_asc(row::Column::Id)
        .lock_exclusive()
        .all(tx.connection())
        .await?;
    Ok(rows.into_iter().map(|row| row.id.into()).collect())
}

/// Changes the role if the row still has the version; false if it does not.
pub async fn set_role(
    tx: &TenantTx,
    id: MembershipId,
    version: i64,
    role: Role,
    now: DateTime<Utc>,
) -> Result<bool, StorageError> {
    let updated = row::Entity::update_many()
        .col_expr(row::Column::Role, Expr::value(role.as_str()))
        .col_expr(row::Column::Version, Expr::value(version + 1))
        .col_expr(row::Column::UpdatedAt, Expr::value(now))
        .filter(row::Column::Id.eq(id.as_uuid()))
        .filter(row::Column::TenantId.eq(tx.tenant().as_uuid()))
        .filter(row::Column::Version.eq(version))
        .exec(tx.connection())
        .await?;
    Ok(updated.rows_affected == 1)
}

/// Removes the membership if the row still has the version; false if it does not.
pub async fn delete(tx: &TenantTx, id: MembershipId, version: i64) -> Result<bool, StorageError> {
    let deleted = row::Entity::delete_many()
        .filter(row::Column::Id.eq(id.as_uuid()))
        .filter(row::Column::TenantId.eq(tx.tenant().as_uuid()))
        .filter(row::Column::Version.eq(version))
        .exec(tx.connection())
        .await?;
    Ok(deleted.rows_affected == 1)
}

/// Memberships of the transaction's tenant with the columns of people that a tenant may see.
fn members(tx: &TenantTx) -> Select<row::Entity> {
    row::Entity::find()
        .join(JoinType::InnerJoin, row::Relation::User.def())
        .column_as(users::row::Column::Email, "email")
        .column_as(users::row::Column::Name, "name")
        .column_as(users::row::Column::Status, "status")
        .column_as(users::row::Column::LastLoginAt, "last_login_at")
        .filter(row::Column::TenantId.eq(tx.tenant().as_uuid()))
}

#[derive(FromQueryResult)]
struct MemberRow {
    id: Uuid,
    tenant_id: Uuid,
    user_id: Uuid,
    role: String,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    email: String,
    name: String,
    status: String,
    last_login_at: Option<DateTime<Utc>>,
}

impl TryFrom<MemberRow> for Member {
    type Error = StorageError;

    fn try_from(row: MemberRow) -> Result<Self, StorageError> {
        let email = row
            .email
            .parse()
            .map_err(|error| StorageError::corrupt("users.email", error))?;
        Ok(Self {
            email,
            name: row.name,
            status: UserStatus::parse(&row.status)?,
            last_login_at: row.last_login_at,
            membership: Membership::try_from(row::Model {
                id: row.id,
                tenant_id: row.tenant_id,
                user_id: row.user_id,
                role: row.role,
                version: row.version,
                created_at: row.created_at,
                updated_at: row.updated_at,
            })?,
        })
    }
}

impl TryFrom<row::Model> for Membership {
    type Error = StorageError;

    fn try_from(row: row::Model) -> Result<Self, StorageError> {
        let role = row
            .role
            .parse()
            .map_err(|error| StorageError::corrupt("memberships.role", error))?;
        Ok(Self {
            id: row.id.into(),
            tenant_id: row.tenant_id.into(),
            user_id: row.user_id.into(),
            role,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

pub(super) mod row {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;

    use crate::core::{tenants, users};

    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "memberships")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub tenant_id: Uuid,
        pub user_id: Uuid,
        pub role: String,
        pub version: i64,
        pub created_at: DateTime<Utc>,
        pub updated_at: DateTime<Utc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "tenants::row::Entity",
            from = "Column::TenantId",
            to = "tenants::row::Column::Id"
        )]
        Tenant,
        #[sea_orm(
            belongs_to = "users::row::Entity",
            from = "Column::UserId",
            to = "users::row::Column::Id"
        )]
        User,
    }

    impl Related<tenants::row::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Tenant.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}
