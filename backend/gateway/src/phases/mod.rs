//! What a request passes before it is forwarded, written against a small view of the request, so
//! that it does not matter which engine read it from the socket.
//!
//! [`admit`] is the order: sanity, route, CORS, loops, authenticate, tenant, authorise, limits. Nothing in
//! it waits: what has to be asked first is [`Admission::Ask`]. What was learnt on the way lies in the [`Trail`], whatever the outcome, for the answer
//! and for the record.

mod authenticate;
mod authorise;
mod client;
mod console_host;
mod cors;
mod headers;
mod limits;
mod loops;
mod path;
mod principal;
mod refusal;
mod route;
mod sanity;
mod tenant;
#[cfg(test)]
pub(crate) mod tests;
mod tokens;

use std::{net::IpAddr, rc::Rc, sync::Arc};

use chrono::{DateTime, Utc};
use http::{HeaderName, Method};
use saas_registry_client::TrustTable;

pub use client::Client;
pub use console_host::ConsoleHost;
pub use cors::{Cors, CorsAnswer, Grant};
pub use headers::{
    CORE_COOKIE_PREFIXES, SESSION_MODE, cookies_for_services, is_about_origin, is_from_connection,
    is_kept_from_client, is_kept_from_upstream, sets_cores_cookie,
};
pub use limits::{AddressCache, Quota, Settled};
pub use loops::LoopMark;
pub use path::CheckedPath;
pub use principal::{Identity, Principal};
pub use refusal::Refusal;
pub use sanity::{FramingFault, Sound};
pub use tokens::TokenCache;

use crate::{
    limiter::{Limiter, central::Question},
    settings::Policy,
    table::{GatewayTable, Rule, ServiceEntry},
};

use route::Target;

/// A request's head, as far as the phases look at it.
pub trait RequestView {
    /// The method.
    fn method(&self) -> &Method;
    /// The path as it came, without the query.
    fn path(&self) -> &str;
    /// Host and port of an absolute-form target (`GET http://host/path`).
    fn authority(&self) -> Option<&str>;
    /// Whether the request is HTTP/1.0, which needs no `Host`.
    fn is_http10(&self) -> bool;
    /// The first value of a header.
    fn header(&self, name: &HeaderName) -> Option<&[u8]>;
    /// All values of a header, in order.
    fn each_value<'a>(&'a self, name: &HeaderName, each: &mut dyn FnMut(&'a [u8]));
    /// What was wrong with the message's framing, if the engine could tell.
    fn framing_fault(&self) -> Option<FramingFault>;
    /// The other end of the connection.
    fn peer(&self) -> IpAddr;
    /// Whether it came to this gateway by TLS.
    fn is_secure(&self) -> bool;

    /// How many values a header has.
    fn count(&self, name: &HeaderName) -> usize {
        let mut count = 0;
        self.each_value(name, &mut |_| count += 1);
        count
    }
}

/// What the phases may consult. Borrowed from the thread for one request.
pub struct Desk<'a> {
    /// What was set for the whole process.
    pub policy: &'a Policy,
    /// Routes, services and instances.
    pub table: &'a GatewayTable,
    /// Whose tokens are believed. `None`: nothing is known of that yet.
    pub trust: Option<&'a TrustTable>,
    /// Tells this thread's trust tables apart: another number, another table.
    pub trust_version: u64,
    /// Whether core was heard from within the last second.
    pub trust_is_fresh: &'a dyn Fn() -> bool,
    /// Verified tokens of this thread.
    pub tokens: &'a TokenCache,
    /// Limits of the whole process.
    pub limiter: &'a Limiter,
    /// Buckets this thread has met.
    pub addresses: &'a AddressCache,
    /// The time.
    pub now: DateTime<Utc>,
    /// The time of the limiter's buckets.
    pub ticks: u64,
}

/// What is known of a request so far.
#[derive(Default)]
pub struct Trail {
    /// Who sent it, once that is known.
    pub client: Option<Client>,
    /// The rule it follows.
    pub rule: Option<Arc<Rule>>,
    /// Where it goes.
    pub service: Option<Arc<ServiceEntry>>,
    /// In whose name.
    pub principal: Option<Rc<Principal>>,
    /// What its answer tells browsers.
    pub cors: CorsAnswer,
    /// Whether a browser takes a page that comes back for one of the console's origin.
    pub is_at_console: bool,
    /// How much its sender has left.
    pub quota: Option<Quota>,
    /// The limits that are settled, so that passing the phases again takes nothing twice.
    pub settled: Settled,
}

/// What is to be done with a request that was not refused.
pub enum Admission {
    /// One of the gateway's own end points.
    Own,
    /// A file of the console.
    Console,
    /// A CORS preflight that is granted: the answer is 204 with what the trail says.
    Preflight,
    /// Nothing yet: a limit has to be asked for. The answer goes into the trail, and the phases are
    /// passed again.
    Ask(Box<Question>),
    /// To the trail's service.
    Forward {
        /// Where in the path as it came the service's path begins; `None`: nothing is left of it,
        /// and the service sees `/`.
        path_start: Option<usize>,
    },
}

/// Passes a request through every phase up to the choice of an instance.
pub fn admit<V: RequestView>(
    view: &V,
    desk: &Desk<'_>,
    trail: &mut Trail,
) -> Result<Admission, Refusal> {
    let client = client::identify(view, &desk.policy.trusted_proxies);
    trail.client = Some(client);
    trail.cors = cors::answer(view, &desk.policy.cors);
    let sound = sanity::check(view)?;
    let matched = match route::find(desk, view.method(), &sound)? {
        Target::Own(rule) => {
            trail.rule = Some(rule);
            return Ok(Admission::Own);
        }
        Target::Console(rule) => {
            trail.rule = Some(rule);
            return Ok(Admission::Console);
        }
        Target::Service(matched) => matched,
    };
    let rule = Arc::clone(&matched.rule);
    trail.rule = Some(Arc::clone(&rule));
    trail.service.clone_from(&matched.service);
    if cors::preflight(view, &mut trail.cors)? {
        return Ok(Admission::Preflight);
    }
    let service = route::open(&matched)?;
    trail.is_at_console = desk.policy.console.has(sound.host.as_deref(), &rule);
    desk.policy.loop_mark.check(view, &rule, service)?;
    let access = route::access(&rule, &sound.path);
    trail.principal = authenticate::authenticate(view, desk, &rule, access, service, client)?;
    let principal = trail.principal.as_deref();
    if let Some(principal) = principal {
        tenant::check(desk, service, principal, &sound.path, rule.strip_segments)?;
    }
    authorise::check(&rule, principal)?;
    let settled = &mut trail.settled;
    if let Some(question) = limits::take(desk, client, principal, settled, &mut trail.quota)? {
        return Ok(Admission::Ask(question));
    }
    let rest = sound.path.raw_after(rule.strip_segments);
    let raw = sound.path.raw();
    Ok(Admission::Forward {
        // `/` stands for nothing left, which is no part of the raw path.
        path_start: raw.ends_with(rest).then(|| raw.len() - rest.len()),
    })
}
