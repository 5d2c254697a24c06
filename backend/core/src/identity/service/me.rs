//! Who the caller is.

use saas_domain::UserId;
use saas_storage::core::{memberships, users};
use serde::{Deserialize, Serialize};

use crate::{
    access::caller::Caller,
    identity::{
        model::{Me, TenantOfMe, TenantSummary, User},
        tokens,
    },
    refusal::Refusal,
    state::Core,
    trust::Subject,
};

/// What is kept of a person between requests.
#[derive(Serialize, Deserialize)]
struct Account {
    user: User,
    tenants: Vec<TenantOfMe>,
}

/// The caller: the person as the database knows them, roles and permissions as the token says,
/// which are the same or the token would be refused.
pub(crate) async fn me(core: &Core, caller: &Caller) -> Result<Me, Refusal> {
    let id = caller.user();
    let subjects = |account: &Account| {
        let tenants = account.tenants.iter();
        let mut subjects: Vec<String> = tenants
            .map(|tenant| Subject::Tenant(tenant.id).to_string())
            .collect();
        subjects.push(Subject::User(id).to_string());
        subjects
    };
    let account = core
        .reads
        .read(&format!("account:{id}"), subjects, || load(core, id))
        .await?;
    let tenant = caller.tenant().and_then(|id| {
        let tenant = account.tenants.iter().find(|tenant| tenant.id == id)?;
        Some(TenantSummary {
            id,
            name: tenant.name.clone(),
            slug: tenant.slug.clone(),
            is_suspended: tenant.is_suspended,
        })
    });
    Ok(Me {
        user: account.user,
        tenant,
        roles: caller.roles().to_vec(),
        permissions: caller.permissions().to_vec(),
        tenants: account.tenants,
    })
}

async fn load(core: &Core, id: UserId) -> Result<Account, Refusal> {
    let tx = core.db.system_read("identity.me").await?;
    let user = users::find(&tx, id).await?.ok_or_else(tokens::ended)?;
    let places = memberships::of_user(&tx, id).await?;
    Ok(Account {
        user: (&user).into(),
        tenants: places
            .iter()
            .map(|(membership, tenant)| TenantOfMe::new(membership, tenant))
            .collect(),
    })
}
