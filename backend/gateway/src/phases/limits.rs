//! How much a tenant and an address may ask for.

use std::{cell::RefCell, collections::HashMap, fmt::Write as _, net::IpAddr, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Client, Desk, Principal, Refusal};
use crate::limiter::{
    AddressBuckets, BURST_SECONDS, Bucket, Empty, Left, Limiter, Short, address_key,
    central::{Kept, Question, Whose},
};

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Buckets of addresses kept by one thread before it starts over.
const MOST_ADDRESSES: usize = 4096;

/// The buckets of addresses that this thread has met, so that the shared maps are asked once.
#[derive(Debug, Default)]
pub struct AddressCache(RefCell<HashMap<IpAddr, Arc<AddressBuckets>>>);

impl AddressCache {
    /// The buckets of an address.
    pub fn get(&self, address: IpAddr, limiter: &Limiter) -> Arc<AddressBuckets> {
        let key = address_key(address);
        let mut kept = self.0.borrow_mut();
        if let Some(found) = kept.get(&key) {
            return Arc::clone(found);
        }
        if kept.len() >= MOST_ADDRESSES {
            kept.clear();
        }
        let buckets = limiter.address(key);
        kept.insert(key, Arc::clone(&buckets));
        buckets
    }

    /// Lets go of all of them, so that the shared maps can forget those nobody uses.
    pub fn clear(&self) {
        *self.0.borrow_mut() = HashMap::new();
    }
}

/// What is left of the limit that binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    policy: &'static str,
    /// Requests a second.
    rate: u32,
    remaining: u32,
    full_in: u32,
}

impl Quota {
    /// Writes `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers): the burst
    /// over the seconds that refill it, what remains of it, and when it is whole again.
    pub fn write(&self, headers: &mut HeaderMap) {
        let Self {
            policy,
            rate,
            remaining,
            full_in,
        } = self;
        let burst = rate.saturating_mul(BURST_SECONDS);
        let mut text = String::with_capacity(32);
        let mut set = |name, arguments: std::fmt::Arguments<'_>| {
            text.clear();
            if text.write_fmt(arguments).is_ok()
                && let Ok(value) = HeaderValue::from_str(&text)
            {
                headers.insert(name, value);
            }
        };
        set(
            RATELIMIT_POLICY,
            format_args!("\"{policy}\";q={burst};w={BURST_SECONDS}"),
        );
        set(
            RATELIMIT,
            format_args!("\"{policy}\";r={remaining};t={full_in}"),
        );
    }
}

/// What became of each limit of a request that had to ask for one of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settled {
    address: Option<Result<Left, Empty>>,
    tenant: Option<Result<Left, Empty>>,
}

impl Settled {
    /// Notes the answer to a question.
    pub fn answered(&mut self, whose: Whose, answer: Result<Left, Empty>) {
        match whose {
            Whose::Address(_) => self.address = Some(answer),
            Whose::Tenant(_) => self.tenant = Some(answer),
        }
    }
}

/// Takes one request from the address's bucket and from the tenant's, unless that was done. The
/// quota told is the tenant's if there is one. A question that comes back has to be answered first.
pub(super) fn take(
    desk: &Desk<'_>,
    client: Client,
    principal: Option<&Principal>,
    settled: &mut Settled,
    quota: &mut Option<Quota>,
) -> Result<Option<Box<Question>>, Refusal> {
    let per_address = desk.policy.rate_per_address;
    if per_address > 0 {
        let taken = if let Some(taken) = settled.address {
            taken
        } else {
            let buckets = desk.addresses.get(client.address, desk.limiter);
            let whose = Whose::Address(address_key(client.address));
            let kept = || Kept::Address(Arc::clone(&buckets));
            match take_one(desk, &buckets.requests, per_address, whose, kept) {
                Ok(taken) => taken,
                Err(question) => return Ok(Some(question)),
            }
        };
        settled.address = Some(taken);
        settle("address", per_address, taken, quota).inspect_err(|_| {
            desk.policy.counts.limited_address.inc();
        })?;
    }
    let Some(principal) = principal else {
        return Ok(None);
    };
    let (Some(tenant), Some(bucket)) = (principal.claims.tid, principal.bucket(desk.limiter))
    else {
        return Ok(None);
    };
    let own = desk
        .trust
        .and_then(|trust| trust.tenant(tenant)?.rate_limit);
    let per_tenant = own.unwrap_or(desk.policy.rate_per_tenant);
    if per_tenant > 0 {
        let taken = if let Some(taken) = settled.tenant {
            taken
        } else {
            let kept = || Kept::Tenant(Arc::clone(bucket));
            match take_one(desk, bucket, per_tenant, Whose::Tenant(tenant), kept) {
                Ok(taken) => taken,
                Err(question) => return Ok(Some(question)),
            }
        };
        settle("tenant", per_tenant, taken, quota).inspect_err(|_| {
            bucket.note_refused();
            desk.policy.counts.limited_tenant.inc();
        })?;
    }
    Ok(None)
}

/// Takes a token, or finds that there is none, or that this has to be asked.
fn take_one(
    desk: &Desk<'_>,
    bucket: &Bucket,
    rate: u32,
    whose: Whose,
    kept: impl FnOnce() -> Kept,
) -> Result<Result<Left, Empty>, Box<Question>> {
    let limiter = desk.limiter;
    match bucket.take(desk.ticks, rate, limiter.is_central()) {
        Ok(left) => Ok(Ok(left)),
        Err(Short::Empty(empty)) => Ok(Err(empty)),
        Err(Short::Ask) => match limiter.question(whose, kept(), rate) {
            Some(question) => Err(question),
            None => Ok(bucket.take_here(desk.ticks, rate)),
        },
    }
}

fn settle(
    policy: &'static str,
    rate: u32,
    taken: Result<Left, Empty>,
    quota: &mut Option<Quota>,
) -> Result<(), Refusal> {
    let told = |remaining, full_in| Quota {
        policy,
        rate,
        remaining,
        full_in,
    };
    match taken {
        Ok(left) => {
            *quota = Some(told(left.remaining, left.full_in));
            Ok(())
        }
        Err(empty) => {
            *quota = Some(told(0, empty.full_in));
            Err(Refusal::too_many(
                "rate_limited",
                empty.retry_after,
                format!("more than {rate} requests a second for this {policy}; slow down"),
            ))
        }
    }
}
