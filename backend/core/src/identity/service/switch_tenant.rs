//! Going on in another tenant.

use saas_domain::TenantId;
use saas_storage::core::{refresh_tokens, sessions};

use crate::{
    access::caller::Caller,
    identity::tokens::{self, Issued, Principal},
    refusal::Refusal,
    state::Core,
};

/// Issues tokens of another tenant in the same session. The refresh token is replaced as well.
pub(crate) async fn switch_tenant(
    core: &Core,
    caller: &Caller,
    tenant: TenantId,
) -> Result<Issued, Refusal> {
    let tx = core.db.system("identity.switch_tenant").await?;
    let user = tokens::lock_person(&tx, caller.user()).await?;
    let place = tokens::place_asked_for(&tx, user.id, tenant).await?;
    let session = sessions::find(&tx, caller.session()).await?;
    let mut session = session.ok_or_else(tokens::ended)?;
    session.tenant_id = Some(tenant);
    let now = core.clock.now();
    let (fresh, handed_over) = tokens::successor(core, None, now)?;
    refresh_tokens::supersede(&tx, session.id, &handed_over).await?;
    let expires_at = now + core.rules.refresh_lifetime;
    refresh_tokens::insert(&tx, &fresh.digest(), session.id, now, expires_at).await?;
    let principal = Principal {
        user,
        tenant: Some(place),
    };
    let issued = tokens::go_on(
        core,
        &tx,
        &principal,
        &session,
        fresh.expose(),
        "switch_tenant",
    )
    .await?;
    tx.commit().await?;
    Ok(issued)
}
