//! Inviting people who have an account already. They belong to nobody but themselves, so they join
//! only by saying so: with a code that whoever invited them hands over, there being no mail.
//!
//! To the tenant, an invitation tells nothing of the account: what it shows was typed by the one who
//! invited.

use chrono::Duration;
use saas_domain::{EmailAddress, InvitationId, MembershipId, Permission, Role, TenantId, UserId};
use saas_security::{OpaqueToken, constant_time_eq, digest};
use saas_storage::{
    StorageError, SystemTx,
    core::{
        Place,
        invitations::{self, Invitation},
        memberships::{self, Membership},
        tenants,
    },
};
use saas_web::Problem;
use serde_json::json;

use super::{members, model};
use crate::{
    access::caller::Caller,
    audit::{
        model::{Action, Entry},
        service as audit,
    },
    identity::{limits, model::TenantOfMe, tokens},
    refusal::Refusal,
    state::Core,
    trust::Subject,
};

/// For how long a code can be used.
const OPEN_FOR: Duration = Duration::days(7);

/// The same words for a wrong code, one for somebody else, and one of the past.
fn no_such_code() -> Problem {
    Problem::not_found(
        "there is no open invitation of your e-mail address with this code; it may have expired or \
         been withdrawn: ask for another",
    )
}

/// Invites the person with the address, in place of an earlier invitation. The caller commits.
pub(super) async fn invite(
    core: &Core,
    tx: &SystemTx,
    caller: &Caller,
    tenant: TenantId,
    email: &EmailAddress,
    role: Role,
) -> Result<model::IssuedInvitation, Refusal> {
    let now = core.clock.now();
    let open = invitations::of_address(tx, email, now).await?;
    if let Some(earlier) = open.iter().find(|open| open.tenant_id == tenant) {
        members::may_touch(caller, earlier.role)?;
    }
    let secret = OpaqueToken::generate("inv_", &core.random);
    let invitation = Invitation {
        id: InvitationId::generate(&core.clock, &core.random),
        tenant_id: tenant,
        email: email.clone(),
        role,
        digest: secret.digest().to_vec(),
        invited_by: caller.user(),
        created_at: now,
        expires_at: now + OPEN_FOR,
    };
    invitations::put(tx, &invitation).await?;
    let entry = Entry::by(caller, Action::InvitationMade).on(&invitation.id);
    let detail = json!({"email": email, "role": role});
    audit::write(tx, entry.in_log_of(Some(tenant)).detail(detail)).await?;
    Ok(model::IssuedInvitation {
        invitation: invitation.into(),
        code: secret.expose().to_owned(),
    })
}

/// The tenant's open invitations.
pub(crate) async fn list(
    core: &Core,
    tenant: TenantId,
    place: Place<InvitationId>,
) -> Result<Vec<model::Invitation>, Refusal> {
    let tx = core.db.tenant_read(tenant).await?;
    let found = invitations::list(&tx, core.clock.now(), place).await?;
    Ok(found.into_iter().map(model::Invitation::from).collect())
}

/// Takes an invitation back: its code is of no use any more.
pub(crate) async fn withdraw(
    core: &Core,
    caller: &Caller,
    tenant: TenantId,
    id: InvitationId,
) -> Result<(), Refusal> {
    let unknown = || Problem::not_found("the tenant has no open invitation with this identifier");
    let tx = core.db.tenant(tenant).await?;
    let now = core.clock.now();
    let found = invitations::find(&tx, id, now).await?.ok_or_else(unknown)?;
    members::may_touch(caller, found.role)?;
    if !invitations::delete(&tx, id).await? {
        return Err(unknown().into());
    }
    let entry = Entry::by(caller, Action::InvitationWithdrawn).on(&id);
    let detail = json!({"email": found.email, "role": found.role});
    audit::write_own(&tx, entry.detail(detail)).await?;
    Ok(tx.commit().await?)
}

/// Makes the caller a member of the tenant that gave out the code for their address.
pub(crate) async fn accept(
    core: &Core,
    caller: &Caller,
    given: &str,
) -> Result<TenantOfMe, Refusal> {
    let tx = core.db.system("tenancy.accept_invitation.count").await?;
    limits::count_code(&tx, caller.user()).await?;
    tx.commit().await?;

    let tx = core.db.system("tenancy.accept_invitation").await?;
    let person = tokens::lock_person(&tx, caller.user()).await?;
    let now = core.clock.now();
    let given = digest(given);
    let mut invitation = None;
    // All of them are compared, and each in constant time: the answer's delay tells nothing.
    for open in invitations::of_address(&tx, &person.email, now).await? {
        if constant_time_eq(&open.digest, &given) {
            invitation = Some(open);
        }
    }
    let invitation = invitation.ok_or_else(no_such_code)?;
    if !is_backed(&tx, &invitation).await? || !invitations::take(&tx, invitation.id).await? {
        return Err(no_such_code().into());
    }
    let membership = join(core, &tx, &invitation, person.id).await?;
    let entry = Entry::by(caller, Action::InvitationAccepted).on(&invitation.id);
    let detail = json!({
        "user_id": person.id,
        "role": invitation.role,
        "membership_id": membership.id,
    });
    let tenant = invitation.tenant_id;
    audit::write(&tx, entry.in_log_of(Some(tenant)).detail(detail)).await?;
    let tenant = tenants::find(&tx, tenant).await?;
    let tenant = tenant.ok_or(StorageError::NotFound)?;
    core.commit(tx, &[Subject::User(person.id)]).await?;
    Ok(TenantOfMe::new(&membership, &tenant))
}

/// Whether the one who invited could do so today. Somebody who lost that right, or left, must not
/// have a way back, or a friend's way in, in their pocket.
async fn is_backed(tx: &SystemTx, invitation: &Invitation) -> Result<bool, StorageError> {
    let (by, tenant) = (invitation.invited_by, invitation.tenant_id);
    let host = memberships::lock_of_user_in(tx, by, tenant).await?;
    Ok(host.is_some_and(|host| {
        let may_add = host.role.permissions().contains(&Permission::MemberCreate);
        may_add && (invitation.role != Role::Owner || host.role == Role::Owner)
    }))
}

async fn join(
    core: &Core,
    tx: &SystemTx,
    invitation: &Invitation,
    user: UserId,
) -> Result<Membership, Refusal> {
    let now = core.clock.now();
    let membership = Membership {
        id: MembershipId::generate(&core.clock, &core.random),
        tenant_id: invitation.tenant_id,
        user_id: user,
        role: invitation.role,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    match memberships::insert(tx, &membership).await {
        Err(StorageError::Conflict { .. }) => {
            Err(Problem::conflict("already_member", "you belong to this tenant already").into())
        }
        inserted => Ok(inserted.map(|()| membership)?),
    }
}
