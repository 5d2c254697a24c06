//! Tenants: the operator's use cases, and what a tenant may see and change of itself.

use chrono::{DateTime, Utc};
use http::StatusCode;
use saas_domain::{MembershipId, Permission, Role, Slug, TenantId};
use saas_storage::{
    SystemTx,
    core::{
        Place,
        memberships::{self, Membership},
        tenants::{self, TenantFilter, TenantStatus},
    },
};
use saas_web::{IfMatch, Problem};
use serde_json::json;

use super::model::{CreateTenantRequest, CreatedTenant, Tenant};
use crate::{
    access::caller::Caller,
    audit::{
        model::{Action, Entry},
        service as audit,
    },
    idempotency::{Created, RequestKey},
    people::account,
    refusal::Refusal,
    state::Core,
    trust::Subject,
};

/// How often a slug is drawn before giving up; one in 2³² collides.
const SLUG_TRIES: usize = 5;

/// No such tenant, or not one that the caller may know of.
pub(crate) fn unknown() -> Problem {
    Problem::not_found("there is no tenant with this identifier")
}

fn version_conflict() -> Problem {
    Problem::new(StatusCode::PRECONDITION_FAILED, "version_conflict")
        .detail("somebody changed this since you read it; read it again and repeat the change")
}

/// Adds a tenant with the slug asked for, or one made from its name.
pub(crate) async fn new_tenant(
    core: &Core,
    tx: &SystemTx,
    name: &str,
    slug: Option<Slug>,
) -> Result<tenants::Tenant, Refusal> {
    let slug = match slug {
        Some(slug) if tenants::slug_is_taken(tx, &slug).await? => {
            return Err(Problem::conflict(
                "slug_taken",
                format!("another tenant has the slug `{slug}`; choose another"),
            )
            .error("/slug", "taken")
            .into());
        }
        Some(slug) => slug,
        None => free_slug(core, tx, name).await?,
    };
    let now = core.clock.now();
    let tenant = tenants::Tenant {
        id: TenantId::generate(&core.clock, &core.random),
        name: name.trim().to_owned(),
        slug,
        status: TenantStatus::Active,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    tenants::insert(tx, &tenant).await?;
    Ok(tenant)
}

async fn free_slug(core: &Core, tx: &SystemTx, name: &str) -> Result<Slug, Refusal> {
    let wanted = Slug::from_text(name);
    if let Some(slug) = &wanted
        && !tenants::slug_is_taken(tx, slug).await?
    {
        return Ok(slug.clone());
    }
    let stem = wanted.map_or_else(|| "t".to_owned(), String::from);
    for _ in 0..SLUG_TRIES {
        let suffix = u32::from_be_bytes(core.random.bytes());
        if let Ok(slug) = format!("{stem}-{suffix:08x}").parse::<Slug>()
            && !tenants::slug_is_taken(tx, &slug).await?
        {
            return Ok(slug);
        }
    }
    Err(Problem::conflict("slug_taken", "no free slug was found; choose one").into())
}

/// Makes a tenant with its owner.
pub(crate) async fn create(
    core: &Core,
    caller: &Caller,
    request: CreateTenantRequest,
    key: RequestKey,
) -> Result<Created, Refusal> {
    let newcomer = match &request.owner_email {
        Some(email) => account::newcomer(core, email, None).await?,
        None => None,
    };
    let once = key.of_user(caller.user(), caller.tenant());
    let tx = core.db.system("tenancy.create").await?;
    if let Some(earlier) = once.earlier(core, &tx).await? {
        return Ok(earlier);
    }
    let (owner, one_time_password) = match &request.owner_email {
        Some(email) => account::find_or_add(core, &tx, email, newcomer).await?,
        None => (caller.user(), None),
    };
    let tenant = new_tenant(core, &tx, &request.name, request.slug).await?;
    let now = core.clock.now();
    let membership = Membership {
        id: MembershipId::generate(&core.clock, &core.random),
        tenant_id: tenant.id,
        user_id: owner,
        role: Role::Owner,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    memberships::insert(&tx, &membership).await?;
    for log in [None, Some(tenant.id)] {
        let entry = Entry::by(caller, Action::TenantCreated).on(&tenant.id);
        let detail = json!({"name": tenant.name, "slug": tenant.slug, "owner_id": owner});
        audit::write(&tx, entry.in_log_of(log).detail(detail)).await?;
    }
    let tenant = Tenant::from(tenant);
    let (id, etag) = (tenant.id, tenant.etag());
    let created = Created::new(&CreatedTenant {
        tenant,
        one_time_password,
    })?;
    let created = created.at(format!("/v1/tenants/{id}"), &etag);
    once.keep(core, &tx, &created).await?;
    // The owner's list of tenants has grown.
    core.commit(tx, &[Subject::User(owner)]).await?;
    Ok(created)
}

/// Every tenant.
pub(crate) async fn list(
    core: &Core,
    filter: &TenantFilter,
    place: Place<TenantId>,
) -> Result<Vec<Tenant>, Refusal> {
    let tx = core.db.system_read("tenancy.list").await?;
    let found = tenants::list(&tx, filter, place).await?;
    Ok(found.into_iter().map(Tenant::from).collect())
}

/// A tenant: any for an operator, the own one for its members, and a 404 otherwise.
pub(crate) async fn get(core: &Core, caller: &Caller, id: TenantId) -> Result<Tenant, Refusal> {
    let is_own = caller.tenant() == Some(id) && caller.permits(Permission::TenantRead);
    if !is_own {
        may_know(caller, Permission::PlatformTenantRead)?;
    }
    let subject = Subject::Tenant(id).to_string();
    let found = core
        .reads
        .read(
            &subject,
            |_: &Option<Tenant>| vec![subject.clone()],
            || load(core, id, is_own),
        )
        .await?;
    Ok(found.ok_or_else(unknown)?)
}

async fn load(core: &Core, id: TenantId, is_own: bool) -> Result<Option<Tenant>, Refusal> {
    let found = if is_own {
        tenants::own(&core.db.tenant_read(id).await?).await?
    } else {
        let tx = core.db.system_read("tenancy.get").await?;
        tenants::find(&tx, id).await?
    };
    Ok(found.map(Tenant::from))
}

/// To somebody who is no operator, other tenants do not exist.
fn may_know(caller: &Caller, permission: Permission) -> Result<(), Problem> {
    if caller.permits(permission) {
        Ok(())
    } else {
        Err(unknown())
    }
}

/// Renames a tenant: any for an operator, the own one for its owners.
pub(crate) async fn rename(
    core: &Core,
    caller: &Caller,
    id: TenantId,
    if_match: &IfMatch,
    name: &str,
) -> Result<Tenant, Refusal> {
    let name = name.trim();
    if caller.permits(Permission::PlatformTenantManage) {
        return rename_any(core, caller, id, if_match, name).await;
    }
    if caller.tenant() != Some(id) {
        return Err(unknown().into());
    }
    caller.require(Permission::TenantUpdate)?;
    let tx = core.db.tenant(id).await?;
    let before = tenants::own(&tx).await?.ok_or_else(unknown)?;
    if_match.check(&saas_web::ETag::version(before.version))?;
    let now = core.clock.now();
    if !tenants::rename_own(&tx, before.version, name, now).await? {
        return Err(version_conflict().into());
    }
    let entry = renamed_entry(caller, &before, name);
    audit::write_own(&tx, entry).await?;
    core.commit_own(tx, &[Subject::Tenant(id)]).await?;
    Ok(renamed(before, name, now))
}

async fn rename_any(
    core: &Core,
    caller: &Caller,
    id: TenantId,
    if_match: &IfMatch,
    name: &str,
) -> Result<Tenant, Refusal> {
    let tx = core.db.system("tenancy.rename").await?;
    let before = tenants::find(&tx, id).await?.ok_or_else(unknown)?;
    if_match.check(&saas_web::ETag::version(before.version))?;
    let now = core.clock.now();
    if !tenants::rename(&tx, id, before.version, name, now).await? {
        return Err(version_conflict().into());
    }
    for log in [None, Some(id)] {
        audit::write(&tx, renamed_entry(caller, &before, name).in_log_of(log)).await?;
    }
    core.commit(tx, &[Subject::Tenant(id)]).await?;
    Ok(renamed(before, name, now))
}

fn renamed_entry(caller: &Caller, before: &tenants::Tenant, name: &str) -> Entry {
    Entry::by(caller, Action::TenantRenamed)
        .on(&before.id)
        .detail(json!({"from": before.name, "to": name}))
}

fn renamed(before: tenants::Tenant, name: &str, now: DateTime<Utc>) -> Tenant {
    tenants::Tenant {
        name: name.to_owned(),
        version: before.version + 1,
        updated_at: now,
        ..before
    }
    .into()
}

/// Suspends or activates a tenant. One that is so already stays as it is.
pub(crate) async fn set_status(
    core: &Core,
    caller: &Caller,
    id: TenantId,
    if_match: &IfMatch,
    status: TenantStatus,
) -> Result<Tenant, Refusal> {
    let tx = core.db.system("tenancy.set_status").await?;
    let before = tenants::find(&tx, id).await?.ok_or_else(unknown)?;
    if_match.check(&saas_web::ETag::version(before.version))?;
    if before.status == status {
        return Ok(before.into());
    }
    let now = core.clock.now();
    if !tenants::set_status(&tx, id, before.version, status, now).await? {
        return Err(version_conflict().into());
    }
    let action = match status {
        TenantStatus::Active => Action::TenantActivated,
        TenantStatus::Suspended => Action::TenantSuspended,
    };
    for log in [None, Some(id)] {
        let entry = Entry::by(caller, action).on(&id).in_log_of(log);
        audit::write(&tx, entry).await?;
    }
    core.commit(tx, &[Subject::Tenant(id)]).await?;
    let after = tenants::Tenant {
        status,
        version: before.version + 1,
        updated_at: now,
        ..before
    };
    Ok(after.into())
}
