//! Reading what the database says about trust, as events of the stream.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use saas_domain::{SessionId, TenantId, UserId};
use saas_registry_client::wire::{
    KeySet, PublicKey, RevokedSession, StaleTokens, TenantTrust, TrustEvent, TrustSnapshot,
};
use saas_storage::{
    StorageError, SystemTx,
    core::{
        sessions, signing_keys, stale_tokens,
        tenants::{self, TenantStatus},
    },
};
use serde_json::Value;

use super::Subject;

/// Everything, as it is at the transaction's beginning or later.
pub(crate) async fn snapshot(
    tx: &SystemTx,
    issuer: &str,
    access_lifetime: std::time::Duration,
    now: DateTime<Utc>,
) -> Result<TrustSnapshot, StorageError> {
    let suspended = tenants::suspended(tx).await?;
    let stale = stale_tokens::all(tx, now).await?;
    let revoked = sessions::revoked(tx, now).await?;
    Ok(TrustSnapshot {
        issuer: issuer.to_owned(),
        keys: key_set(tx, access_lifetime, now).await?,
        revoked_sessions: revoked.iter().map(revoked_session).collect(),
        stale_tokens: stale.into_iter().map(stale_event).collect(),
        tenants: suspended
            .into_iter()
            .map(|tenant| tenant_trust(tenant, true))
            .collect(),
    })
}

/// What became of the subjects, each under the number of its newest change, in the order of those.
pub(crate) async fn events(
    tx: &SystemTx,
    subjects: &BTreeMap<Subject, i64>,
    access_lifetime: std::time::Duration,
    now: DateTime<Utc>,
) -> Result<Vec<(i64, TrustEvent)>, StorageError> {
    let mut found = Vec::new();
    let number = |subject: Subject| subjects.get(&subject).copied();
    if let Some(number) = number(Subject::Keys) {
        let keys = key_set(tx, access_lifetime, now).await?;
        found.push((number, TrustEvent::Keys(keys)));
    }
    let ids: Vec<SessionId> = subjects
        .keys()
        .filter_map(|subject| match subject {
            Subject::Session(id) => Some(*id),
            _ => None,
        })
        .collect();
    for session in sessions::revoked_of(tx, &ids).await? {
        if let Some(number) = number(Subject::Session(session.id)) {
            found.push((
                number,
                TrustEvent::SessionRevoked(revoked_session(&session)),
            ));
        }
    }
    let pairs: Vec<(UserId, Option<TenantId>)> = subjects
        .keys()
        .filter_map(|subject| match subject {
            Subject::Stale(user, tenant) => Some((*user, *tenant)),
            _ => None,
        })
        .collect();
    for stale in stale_tokens::of(tx, &pairs).await? {
        if let Some(number) = number(Subject::Stale(stale.user_id, stale.tenant_id)) {
            found.push((number, TrustEvent::TokensStale(stale_event(stale))));
        }
    }
    for (subject, number) in subjects {
        let Subject::Tenant(id) = subject else {
            continue;
        };
        let tenant = tenants::find(tx, *id).await?;
        // A tenant that is gone has no members whose tokens could count; refusing them is safe.
        let is_suspended = tenant.is_none_or(|tenant| tenant.status == TenantStatus::Suspended);
        found.push((*number, TrustEvent::Tenant(tenant_trust(*id, is_suspended))));
    }
    found.sort_by_key(|(number, _)| *number);
    Ok(found)
}

/// The keys that verify: those that sign, and retired ones whose tokens may still live.
async fn key_set(
    tx: &SystemTx,
    access_lifetime: std::time::Duration,
    now: DateTime<Utc>,
) -> Result<KeySet, StorageError> {
    let keys = signing_keys::all(tx).await?;
    let counts = |retired_at: Option<DateTime<Utc>>| {
        retired_at.is_none_or(|retired_at| retired_at + access_lifetime > now)
    };
    Ok(KeySet {
        keys: keys
            .into_iter()
            .filter(|key| counts(key.retired_at))
            .map(|key| PublicKey {
                kty: "OKP".into(),
                crv: "Ed25519".into(),
                x: key.public_key,
                kid: key.kid,
                alg: "EdDSA".into(),
                usage: "sig".into(),
            })
            .collect(),
    })
}

fn revoked_session(session: &sessions::Session) -> RevokedSession {
    RevokedSession {
        session: session.id,
        until: session.token_expires_at,
    }
}

fn stale_event(stale: stale_tokens::StaleTokens) -> StaleTokens {
    StaleTokens {
        user: stale.user_id,
        tenant: stale.tenant_id,
        issued_before_ms: stale.issued_before_ms,
        until: stale.until,
    }
}

const fn tenant_trust(tenant: TenantId, is_suspended: bool) -> TenantTrust {
    TenantTrust {
        tenant,
        is_suspended,
        rate_limit: None,
    }
}

/// The name and the data that an event has on the stream.
pub(crate) fn event_name(event: &TrustEvent) -> Result<(String, Value), serde_json::Error> {
    let Value::Object(mut tagged) = serde_json::to_value(event)? else {
        return Ok((String::new(), Value::Null));
    };
    let name = tagged.remove("event");
    let data = tagged.remove("data").unwrap_or_default();
    let name = name.as_ref().and_then(Value::as_str).unwrap_or_default();
    Ok((name.to_owned(), data))
}
