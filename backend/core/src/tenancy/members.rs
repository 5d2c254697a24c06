//! Who belongs to the caller's tenant.

use chrono::Duration;
use http::StatusCode;
use saas_domain::{EmailAddress, MembershipId, Role, TenantId, UserId};
use saas_storage::{
    StorageError, TenantTx,
    core::{
        Place,
        memberships::{self, MemberFilter, Membership},
        stale_tokens, users,
    },
};
use saas_web::{ETag, IfMatch, Problem};
use serde_json::json;

use super::{
    invitations,
    model::{AddMemberRequest, AddedMember, Member},
};
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

fn unknown() -> Problem {
    Problem::not_found("the tenant has no member with this identifier")
}

fn version_conflict() -> Problem {
    Problem::new(StatusCode::PRECONDITION_FAILED, "version_conflict").detail(
        "somebody changed this member since you read it; read it again and repeat the change",
    )
}

/// A 403 unless the caller may touch somebody with the role: owners are for owners.
pub(super) fn may_touch(caller: &Caller, role: Role) -> Result<(), Problem> {
    if role == Role::Owner && caller.role() != Some(Role::Owner) {
        return Err(Problem::forbidden(
            "owner_required",
            "only an owner makes, changes or removes owners",
        ));
    }
    Ok(())
}

/// The tenant's members.
pub(crate) async fn list(
    core: &Core,
    tenant: TenantId,
    filter: &MemberFilter,
    place: Place<MembershipId>,
) -> Result<Vec<Member>, Refusal> {
    let tx = core.db.tenant_read(tenant).await?;
    let found = memberships::list(&tx, filter, place).await?;
    Ok(found.into_iter().map(Member::from).collect())
}

/// One of the tenant's members.
pub(crate) async fn get(
    core: &Core,
    tenant: TenantId,
    id: MembershipId,
) -> Result<Member, Refusal> {
    let tx = core.db.tenant_read(tenant).await?;
    let found = memberships::find(&tx, id).await?.ok_or_else(unknown)?;
    Ok(found.into())
}

/// Adds somebody unknown to the tenant, with an account; invites somebody who has one.
pub(crate) async fn add(
    core: &Core,
    caller: &Caller,
    tenant: TenantId,
    request: AddMemberRequest,
    key: RequestKey,
) -> Result<Created, Refusal> {
    let role = Role::from(request.role);
    may_touch(caller, role)?;
    let newcomer = account::newcomer(core, &request.email, request.name).await?;
    let once = key.of_user(caller.user(), caller.tenant());
    // People belong to the platform: only the system sees whether this one is known.
    let tx = core.db.system("tenancy.add_member").await?;
    if let Some(earlier) = once.earlier(core, &tx).await? {
        return Ok(earlier);
    }
    let email = &request.email;
    let (user, one_time_password) = account::find_or_add(core, &tx, email, newcomer).await?;
    if one_time_password.is_none() {
        if memberships::of_user_in(&tx, user, tenant).await?.is_some() {
            return Err(already_member(email).into());
        }
        let invitation = invitations::invite(core, &tx, caller, tenant, email, role).await?;
        let created = Created::new(&AddedMember {
            member: None,
            one_time_password: None,
            invitation: Some(invitation),
        })?;
        once.keep(core, &tx, &created).await?;
        tx.commit().await?;
        return Ok(created);
    }
    let now = core.clock.now();
    let membership = Membership {
        id: MembershipId::generate(&core.clock, &core.random),
        tenant_id: tenant,
        user_id: user,
        role,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    memberships::insert(&tx, &membership).await?;
    let entry = Entry::by(caller, Action::MemberAdded).on(&membership.id);
    let detail = json!({"user_id": user, "role": role});
    audit::write(&tx, entry.in_log_of(Some(tenant)).detail(detail)).await?;
    let person = users::find(&tx, user).await?;
    let person = person.ok_or(StorageError::NotFound)?;
    let member = Member::from(memberships::Member {
        membership,
        email: person.email,
        name: person.name,
        status: person.status,
        last_login_at: person.last_login_at,
    });
    let (id, etag) = (member.id, member.etag());
    let created = Created::new(&AddedMember {
        member: Some(member),
        one_time_password,
        invitation: None,
    })?;
    let created = created.at(format!("/v1/members/{id}"), &etag);
    once.keep(core, &tx, &created).await?;
    core.commit(tx, &[Subject::User(user)]).await?;
    Ok(created)
}

fn already_member(email: &EmailAddress) -> Problem {
    Problem::conflict(
        "already_member",
        format!("{email} belongs to this tenant already"),
    )
    .error("/email", "a member already")
}

/// Gives a member another role.
pub(crate) async fn set_role(
    core: &Core,
    caller: &Caller,
    tenant: TenantId,
    id: MembershipId,
    if_match: &IfMatch,
    role: Role,
) -> Result<Member, Refusal> {
    let tx = core.db.tenant(tenant).await?;
    let before = memberships::find(&tx, id).await?.ok_or_else(unknown)?;
    if_match.check(&ETag::version(before.membership.version))?;
    may_touch(caller, before.membership.role)?;
    may_touch(caller, role)?;
    if before.membership.role == role {
        return Ok(before.into());
    }
    if before.membership.role == Role::Owner {
        keep_an_owner(&tx, id).await?;
    }
    let now = core.clock.now();
    let version = before.membership.version;
    if !memberships::set_role(&tx, id, version, role, now).await? {
        return Err(version_conflict().into());
    }
    let entry = Entry::by(caller, Action::MemberRoleChanged).on(&id);
    let detail = json!({
        "user_id": before.membership.user_id,
        "from": before.membership.role,
        "to": role,
    });
    audit::write_own(&tx, entry.detail(detail)).await?;
    let user = before.membership.user_id;
    commit_changed(core, tx, user).await?;
    let after = memberships::Member {
        membership: Membership {
            role,
            version: version + 1,
            updated_at: now,
            ..before.membership
        },
        ..before
    };
    Ok(after.into())
}

/// Removes a member. The person's account stays.
pub(crate) async fn remove(
    core: &Core,
    caller: &Caller,
    tenant: TenantId,
    id: MembershipId,
    if_match: &IfMatch,
) -> Result<(), Refusal> {
    let tx = core.db.tenant(tenant).await?;
    let before = memberships::find(&tx, id).await?.ok_or_else(unknown)?;
    if_match.check(&ETag::version(before.membership.version))?;
    may_touch(caller, before.membership.role)?;
    if before.membership.role == Role::Owner {
        keep_an_owner(&tx, id).await?;
    }
    if !memberships::delete(&tx, id, before.membership.version).await? {
        return Err(version_conflict().into());
    }
    let entry = Entry::by(caller, Action::MemberRemoved).on(&id);
    let user = before.membership.user_id;
    let detail = json!({"user_id": user, "role": before.membership.role});
    audit::write_own(&tx, entry.detail(detail)).await?;
    commit_changed(core, tx, user).await
}

/// A 409 if nobody would be left who may do everything.
async fn keep_an_owner(tx: &TenantTx, leaving: MembershipId) -> Result<(), Refusal> {
    let owners = memberships::lock_owners(tx).await?;
    if owners.iter().any(|owner| *owner != leaving) {
        return Ok(());
    }
    Err(Problem::conflict(
        "last_owner",
        "a tenant keeps at least one owner; make somebody else an owner first",
    )
    .into())
}

/// Commits a change of what a person may do here, and makes the tokens stale that say otherwise.
///
/// The time is read after the change, which waits for tokens that are being issued: each of those is
/// older. It counts one millisecond more, for a token of this very millisecond may be older, too.
async fn commit_changed(core: &Core, tx: TenantTx, user: UserId) -> Result<(), Refusal> {
    let now = core.clock.now();
    let lifetime = Duration::from_std(core.rules.access_lifetime).unwrap_or(Duration::MAX);
    let until = now + lifetime + Duration::seconds(1);
    stale_tokens::mark_member(&tx, user, now.timestamp_millis() + 1, until).await?;
    let subjects = [Subject::Stale(user, Some(tx.tenant())), Subject::User(user)];
    core.commit_own(tx, &subjects).await
}
