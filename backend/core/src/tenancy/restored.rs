//! A tenant that came back from a backup: what is left to do in the transaction that brought it.

use std::{collections::BTreeSet, time::Duration};

use chrono::{DateTime, Utc};
use saas_domain::{TenantId, UserId};
use saas_storage::{
    ChangeStream, StorageError, SystemTx,
    core::stale_tokens::{self, StaleTokens},
};
use serde_json::json;

use crate::{
    audit::{
        model::{Action, Entry},
        service as audit,
    },
    trust::Subject,
};

/// What a restore did to a tenant.
#[derive(Clone, Debug)]
pub struct RestoredTenant {
    /// Which.
    pub tenant: TenantId,
    /// The moment whose state it has again.
    pub taken_at: DateTime<Utc>,
    /// Those whose place in it is another than before; their tokens tell an old story.
    pub people: BTreeSet<UserId>,
    /// Those who were not there any more, and were made anew, disabled.
    pub recreated: Vec<UserId>,
}

/// Records that a tenant was restored, makes tokens stale that say otherwise, and commits with the
/// changes that every core and every gateway has to hear of.
///
/// # Errors
/// [`StorageError::Unavailable`] when the database is away.
pub async fn commit_restored_tenant(
    tx: SystemTx,
    access_lifetime: Duration,
    restored: &RestoredTenant,
) -> Result<(), StorageError> {
    let tenant = restored.tenant;
    let entry = Entry::by_platform(Action::TenantRestored)
        .in_log_of(Some(tenant))
        .on(&tenant)
        .detail(json!({
            "by": "saas backup restore",
            "backup_of": restored.taken_at,
            "recreated": restored.recreated,
        }));
    audit::write(&tx, entry).await?;
    // Read after the change, which waited for tokens that were being issued: each of those is older.
    // One millisecond more, for a token of this very millisecond may be older, too.
    let now = tx.now();
    let lifetime = chrono::Duration::from_std(access_lifetime).unwrap_or(chrono::Duration::MAX);
    let mut subjects = vec![Subject::Tenant(tenant)];
    for user in &restored.people {
        let stale = StaleTokens {
            user_id: *user,
            tenant_id: Some(tenant),
            issued_before_ms: now.timestamp_millis() + 1,
            until: now + lifetime + chrono::Duration::seconds(1),
        };
        stale_tokens::mark(&tx, &stale).await?;
        subjects.push(Subject::Stale(*user, Some(tenant)));
        subjects.push(Subject::User(*user));
    }
    subjects.extend(restored.recreated.iter().copied().map(Subject::User));
    let subjects: Vec<String> = subjects.iter().map(Subject::to_string).collect();
    tx.commit_with_changes(ChangeStream::Trust, &subjects)
        .await?;
    Ok(())
}
