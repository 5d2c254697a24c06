//! Who a verified token stands for, with everything about it that requests need more than once.

use std::{
    cell::{Cell, OnceCell, RefCell},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use http::HeaderValue;
use saas_domain::{AccessClaims, OPERATOR_ROLE, ServiceName};
use saas_registry_client::{Standing, TrustTable};
use saas_security::{Assertion, AssertionSigner};

use crate::limiter::{Bucket, Limiter};

/// Seconds after which an assertion is made afresh. It lives 60; the rest is for the way.
const ASSERTION_AGE: i64 = 45;
/// Services whose assertions are kept beside one token.
const MOST_ASSERTIONS: usize = 8;

/// A person acting in a tenant, from a token whose signature was verified. It belongs to one
/// thread.
#[derive(Debug)]
pub struct Principal {
    /// What the token says.
    pub claims: AccessClaims,
    /// The same as headers for the service.
    pub identity: Identity,
    standing: Cell<(u64, Standing)>,
    bucket: OnceCell<Arc<Bucket>>,
    assertions: RefCell<Vec<KeptAssertion>>,
}

#[derive(Debug)]
struct KeptAssertion {
    service: ServiceName,
    made_at: i64,
    value: HeaderValue,
}

/// The identity headers' values. A part that cannot stand in a header is left out: the assertion
/// still has it.
#[derive(Clone, Debug)]
pub struct Identity {
    /// `X-Tenant-Id`.
    pub tenant: Option<HeaderValue>,
    /// `X-User-Id`.
    pub user: Option<HeaderValue>,
    /// `X-Session-Id`.
    pub session: Option<HeaderValue>,
    /// `X-Roles`, separated by commas.
    pub roles: Option<HeaderValue>,
    /// `X-Plan`.
    pub plan: Option<HeaderValue>,
}

impl Identity {
    fn new(claims: &AccessClaims) -> Self {
        let value = |text: &str| HeaderValue::from_str(text).ok();
        // A role with a comma in its name would read as two.
        let are_sound = !claims.roles.iter().any(|role| role.contains(','));
        Self {
            tenant: claims.tid.and_then(|tenant| value(&tenant.to_string())),
            user: value(&claims.sub.to_string()),
            session: value(&claims.sid.to_string()),
            roles: are_sound.then(|| value(&claims.roles.join(","))).flatten(),
            plan: claims.plan.as_deref().and_then(value),
        }
    }
}

impl Principal {
    /// From claims that were verified.
    pub fn new(claims: AccessClaims) -> Self {
        Self {
            identity: Identity::new(&claims),
            claims,
            // No table has this number.
            standing: Cell::new((u64::MAX, Standing::Good)),
            bucket: OnceCell::new(),
            assertions: RefCell::default(),
        }
    }

    /// How the token stands by the trust table of this version. Looked up once per version: the
    /// tables are immutable.
    pub fn standing(&self, trust: &TrustTable, version: u64) -> Standing {
        let (seen, standing) = self.standing.get();
        if seen == version {
            return standing;
        }
        let standing = trust.standing(&self.claims);
        self.standing.set((version, standing));
        standing
    }

    /// Whether its time is over.
    pub fn is_expired(&self, now: DateTime<Utc>) -> bool {
        self.claims.exp <= now.timestamp()
    }

    /// Whether it is a platform operator's.
    pub fn is_operator(&self) -> bool {
        self.claims.roles.iter().any(|role| role == OPERATOR_ROLE)
    }

    /// The bucket of its tenant, if it has one.
    pub fn bucket(&self, limiter: &Limiter) -> Option<&Arc<Bucket>> {
        let tenant = self.claims.tid?;
        Some(self.bucket.get_or_init(|| limiter.tenant(tenant)))
    }

    /// The signed statement for one service, made once per minute.
    pub fn assertion(
        &self,
        service: &ServiceName,
        signer: &AssertionSigner,
        now: DateTime<Utc>,
    ) -> Option<HeaderValue> {
        let seconds = now.timestamp();
        let mut kept = self.assertions.borrow_mut();
        let known = kept.iter().position(|kept| kept.service == *service);
        if let Some(kept) = known.and_then(|index| kept.get(index))
            && (0..ASSERTION_AGE).contains(&(seconds - kept.made_at))
        {
            return Some(kept.value.clone());
        }
        let claims = &self.claims;
        let assertion = Assertion {
            service,
            tenant: claims.tid,
            user: claims.sub,
            session: claims.sid,
            roles: &claims.roles,
            plan: claims.plan.as_deref(),
        };
        let statement = match signer.sign(&assertion, now) {
            Ok(statement) => statement,
            Err(error) => {
                tracing::error!(%error, "an assertion could not be signed");
                return None;
            }
        };
        let value = HeaderValue::from_str(&statement).ok()?;
        if let Some(index) = known {
            kept.remove(index);
        } else if kept.len() >= MOST_ASSERTIONS {
            kept.remove(0);
        }
        kept.push(KeptAssertion {
            service: service.clone(),
            made_at: seconds,
            value: value.clone(),
        });
        Some(value)
    }
}
