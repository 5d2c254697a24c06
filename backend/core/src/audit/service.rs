//! Writing and reading the audit log.

use std::collections::HashMap;

use saas_domain::{AuditEventId, TenantId, UserId};
use saas_storage::{
    StorageError, SystemTx, TenantTx,
    core::{
        audit::{self, AuditEntry, AuditFilter},
        memberships,
        sessions::Session,
        users,
    },
};

use super::model::{AuditEvent, Entry};
use crate::{refusal::Refusal, state::Core};

/// Writes the entry into the log it names.
pub(crate) async fn write(tx: &SystemTx, entry: Entry) -> Result<(), StorageError> {
    audit::write(tx, &entry.finish(tx.clock(), tx.random())).await
}

/// Writes the entry into the log of the transaction's tenant.
pub(crate) async fn write_own(tx: &TenantTx, entry: Entry) -> Result<(), StorageError> {
    audit::write_own(tx, &entry.finish(tx.clock(), tx.random())).await
}

/// The log for what a person does about their own session or password: that of the tenant the
/// session is in as long as they belong there, and the platform's otherwise. A session remembers a
/// tenant that its person has left, and that tenant has no business with their network address.
pub(crate) async fn log_of(
    tx: &SystemTx,
    session: &Session,
) -> Result<Option<TenantId>, StorageError> {
    let Some(tenant) = session.tenant_id else {
        return Ok(None);
    };
    let membership = memberships::of_user_in(tx, session.user_id, tenant).await?;
    Ok(membership.map(|_| tenant))
}

/// The tenant's log, newest first. Of those who acted, it shows the addresses of members.
pub(crate) async fn of_tenant(
    core: &Core,
    tenant: TenantId,
    filter: &AuditFilter,
    before: Option<AuditEventId>,
    limit: u32,
) -> Result<Vec<AuditEvent>, Refusal> {
    let tx = core.db.tenant_read(tenant).await?;
    let entries = audit::list_own(&tx, filter, before, limit).await?;
    let emails = memberships::emails(&tx, &actors(&entries)).await?;
    Ok(show(entries, emails))
}

/// The platform's own log, newest first.
pub(crate) async fn of_platform(
    core: &Core,
    filter: &AuditFilter,
    before: Option<AuditEventId>,
    limit: u32,
) -> Result<Vec<AuditEvent>, Refusal> {
    let tx = core.db.system_read("audit.list").await?;
    let entries = audit::list(&tx, None, filter, before, limit).await?;
    let emails = users::emails(&tx, &actors(&entries)).await?;
    Ok(show(entries, emails))
}

fn actors(entries: &[AuditEntry]) -> Vec<UserId> {
    let mut actors: Vec<UserId> = entries.iter().filter_map(|entry| entry.actor_id).collect();
    actors.sort_unstable();
    actors.dedup();
    actors
}

fn show(entries: Vec<AuditEntry>, emails: Vec<(UserId, String)>) -> Vec<AuditEvent> {
    let emails: HashMap<UserId, String> = emails.into_iter().collect();
    let with_email = |entry: AuditEntry| {
        let email = entry.actor_id.and_then(|actor| emails.get(&actor)).cloned();
        AuditEvent::new(entry, email)
    };
    entries.into_iter().map(with_email).collect()
}
