//! The trust table: whose tokens are believed, and whose no longer.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use saas_domain::{AccessClaims, SessionId, TenantId, UserId};
use saas_security::{AccessVerifier, TokenError};

use crate::{
    follower::Table,
    wire::{KeySet, RevokedSession, StaleTokens, TenantTrust, TrustEvent, TrustSnapshot},
};

/// How a token that verifies stands today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is good.
    Good,
    /// Its session was ended: sign in again.
    SessionRevoked,
    /// The person's rights changed since it was issued: refresh it.
    Stale,
    /// Its tenant is suspended.
    TenantSuspended,
}

/// What core's stream tells, indexed for one look-up each per request.
#[derive(Clone, Debug)]
pub struct TrustTable {
    issuer: String,
    keys: KeySet,
    verifier: AccessVerifier,
    key_generation: u64,
    revoked: HashMap<SessionId, DateTime<Utc>>,
    stale: HashMap<(UserId, Option<TenantId>), StaleTokens>,
    tenants: HashMap<TenantId, TenantTrust>,
}

impl Default for TrustTable {
    fn default() -> Self {
        let keys = KeySet::default();
        Self {
            issuer: String::new(),
            verifier: AccessVerifier::new(&keys, ""),
            keys,
            key_generation: 0,
            revoked: HashMap::new(),
            stale: HashMap::new(),
            tenants: HashMap::new(),
        }
    }
}

impl TrustTable {
    /// The claims of a token whose signature, issuer, audience and time are sound. Says nothing of
    /// revocation: see [`TrustTable::standing`].
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<AccessClaims, TokenError> {
        self.verifier.verify(token, now)
    }

    /// How verified claims stand. Three look-ups; to be asked on every request, also for claims
    /// that were verified earlier and kept.
    pub fn standing(&self, claims: &AccessClaims) -> Standing {
        if self.revoked.contains_key(&claims.sid) {
            return Standing::SessionRevoked;
        }
        let is_stale = |tenant| {
            self.stale
                .get(&(claims.sub, tenant))
                .is_some_and(|stale| claims.iat_ms < stale.issued_before_ms)
        };
        if !self.stale.is_empty()
            && (is_stale(None) || (claims.tid.is_some() && is_stale(claims.tid)))
        {
            return Standing::Stale;
        }
        match claims.tid.and_then(|tenant| self.tenants.get(&tenant)) {
            Some(tenant) if tenant.is_suspended => Standing::TenantSuspended,
            _ => Standing::Good,
        }
    }

    /// What is known of a tenant beyond the defaults.
    pub fn tenant(&self, tenant: TenantId) -> Option<&TenantTrust> {
        self.tenants.get(&tenant)
    }

    /// Rises whenever a key went or the issuer changed: claims verified under a lower generation
    /// must be verified again.
    pub const fn key_generation(&self) -> u64 {
        self.key_generation
    }

    /// The keys that verify.
    pub const fn keys(&self) -> &KeySet {
        &self.keys
    }

    fn set_keys(&mut self, issuer: String, keys: KeySet) {
        let kept = |old: &crate::wire::PublicKey| keys.keys.contains(old);
        if issuer != self.issuer || !self.keys.keys.iter().all(kept) {
            self.key_generation += 1;
        }
        self.verifier = AccessVerifier::new(&keys, &issuer);
        self.issuer = issuer;
        self.keys = keys;
    }

    fn revoke(&mut self, revoked: &RevokedSession) {
        self.revoked.insert(revoked.session, revoked.until);
    }

    fn make_stale(&mut self, stale: StaleTokens) {
        let key = (stale.user, stale.tenant);
        let newer = |known: &StaleTokens| known.issued_before_ms >= stale.issued_before_ms;
        if !self.stale.get(&key).is_some_and(newer) {
            self.stale.insert(key, stale);
        }
    }

    /// Forgets what concerns only tokens that have expired by themselves.
    fn forget_before(&mut self, now: DateTime<Utc>) {
        self.revoked.retain(|_, until| *until > now);
        self.stale.retain(|_, stale| stale.until > now);
    }
}

impl Table for TrustTable {
    type Event = TrustEvent;
    type Snapshot = TrustSnapshot;

    const NAME: &'static str = "trust";

    fn apply(&mut self, event: TrustEvent, now: DateTime<Utc>) {
        match event {
            TrustEvent::Snapshot(snapshot) => {
                self.set_keys(snapshot.issuer, snapshot.keys);
                self.revoked.clear();
                self.stale.clear();
                self.tenants.clear();
                snapshot
                    .revoked_sessions
                    .iter()
                    .for_each(|r| self.revoke(r));
                for stale in snapshot.stale_tokens {
                    self.make_stale(stale);
                }
                for tenant in snapshot.tenants {
                    self.tenants.insert(tenant.tenant, tenant);
                }
            }
            TrustEvent::Keys(keys) => self.set_keys(self.issuer.clone(), keys),
            TrustEvent::SessionRevoked(revoked) => self.revoke(&revoked),
            TrustEvent::TokensStale(stale) => self.make_stale(stale),
            TrustEvent::Tenant(tenant) => {
                if tenant.is_suspended || tenant.rate_limit.is_some() {
                    self.tenants.insert(tenant.tenant, tenant);
                } else {
                    self.tenants.remove(&tenant.tenant);
                }
            }
        }
        self.forget_before(now);
    }

    fn snapshot(&self) -> TrustSnapshot {
        let revoked = |(session, until): (&SessionId, &DateTime<Utc>)| RevokedSession {
            session: *session,
            until: *until,
        };
        TrustSnapshot {
            issuer: self.issuer.clone(),
            keys: self.keys.clone(),
            revoked_sessions: self.revoked.iter().map(revoked).collect(),
            stale_tokens: self.stale.values().cloned().collect(),
            tenants: self.tenants.values().cloned().collect(),
        }
    }

    fn snapshot_event(snapshot: TrustSnapshot) -> TrustEvent {
        TrustEvent::Snapshot(snapshot)
    }

    fn is_for(snapshot: &TrustSnapshot, issuer: &str) -> bool {
        snapshot.issuer == issuer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Duration;
    use saas_domain::{ACCESS_AUDIENCE, Clock, Random};
    use saas_security::{SigningKey, sign_access};

    fn claims(clock: &Clock, random: &Random) -> AccessClaims {
        let now = clock.now();
        AccessClaims {
            iss: "http://test".into(),
            aud: ACCESS_AUDIENCE.into(),
            sub: UserId::generate(clock, random),
            sid: SessionId::generate(clock, random),
            tid: Some(TenantId::generate(clock, random)),
            roles: vec![],
            permissions: vec![],
            plan: None,
            iat: now.timestamp(),
            iat_ms: now.timestamp_millis(),
            exp: now.timestamp() + 1800,
            jti: String::new(),
            restricted: false,
        }
    }

    #[test]
    fn standing_follows_the_events_and_entries_are_forgotten() {
        let clock = Clock::manual(DateTime::UNIX_EPOCH + Duration::days(20_000));
        let random = Random::seeded(1);
        let key = SigningKey::generate(&random).unwrap();
        let mut table = TrustTable::default();
        let keys = KeySet {
            keys: vec![key.public().clone()],
        };
        let snapshot = TrustSnapshot {
            issuer: "http://test".into(),
            keys,
            ..TrustSnapshot::default()
        };
        table.apply(TrustEvent::Snapshot(snapshot), clock.now());
        let generation = table.key_generation();
        let mine = claims(&clock, &random);
        let token = sign_access(&mine, &key).unwrap();
        assert_eq!(table.verify(&token, clock.now()).unwrap(), mine);
        assert_eq!(table.standing(&mine), Standing::Good);

        let until = clock.now() + Duration::minutes(30);
        table.apply(
            TrustEvent::TokensStale(StaleTokens {
                user: mine.sub,
                tenant: mine.tid,
                issued_before_ms: mine.iat_ms + 1,
                until,
            }),
            clock.now(),
        );
        assert_eq!(table.standing(&mine), Standing::Stale);
        let mut elsewhere = mine.clone();
        elsewhere.tid = Some(TenantId::generate(&clock, &random));
        assert_eq!(table.standing(&elsewhere), Standing::Good);
        let mut refreshed = mine.clone();
        refreshed.iat_ms += 1;
        assert_eq!(table.standing(&refreshed), Standing::Good);

        let suspended = TenantTrust {
            tenant: mine.tid.unwrap(),
            is_suspended: true,
            rate_limit: None,
        };
        table.apply(TrustEvent::Tenant(suspended.clone()), clock.now());
        assert_eq!(table.standing(&refreshed), Standing::TenantSuspended);
        let active = TenantTrust {
            is_suspended: false,
            ..suspended
        };
        table.apply(TrustEvent::Tenant(active), clock.now());
        assert_eq!(table.standing(&refreshed), Standing::Good);

        let session = mine.sid;
        table.apply(
            TrustEvent::SessionRevoked(RevokedSession { session, until }),
            clock.now(),
        );
        assert_eq!(table.standing(&refreshed), Standing::SessionRevoked);
        assert_eq!(table.snapshot().revoked_sessions.len(), 1);

        clock.advance(Duration::minutes(31));
        table.apply(TrustEvent::Keys(KeySet::default()), clock.now());
        assert!(table.snapshot().revoked_sessions.is_empty());
        assert!(table.key_generation() > generation);
        assert!(matches!(
            table.verify(&token, mine_time(&mine)),
            Err(TokenError::UnknownKey)
        ));
    }

    fn mine_time(claims: &AccessClaims) -> DateTime<Utc> {
        DateTime::from_timestamp(claims.iat, 0).unwrap()
    }
}
