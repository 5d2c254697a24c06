//! Connections to instances, kept open between requests. Each thread has its own.

use std::{
    cell::RefCell,
    collections::HashMap,
    time::{Duration, Instant},
};

use http::{Request, Response};
use hyper::{
    body::Incoming,
    client::conn::{TrySendError, http1::SendRequest},
};

use super::{upload::Upload, upstream_io::Refused};

/// Connections kept open to one instance by one thread.
const MOST_PER_INSTANCE: usize = 128;

/// How long a connection may have been idle and still be used for a request that is safe to
/// repeat. Common servers close idle ones after 5 s.
const IDLE: Duration = Duration::from_secs(4);
/// The same for a request that is not: one that was lost with a closing connection cannot be sent
/// again, and a new connection costs little beside that.
const IDLE_UNSAFE: Duration = Duration::from_secs(1);

/// One end of a connection to an instance.
#[derive(Debug)]
pub struct Sender {
    requests: SendRequest<Upload>,
    refused: Refused,
}

impl Sender {
    /// The end of a new connection, and what will be known of its writes.
    pub const fn new(requests: SendRequest<Upload>, refused: Refused) -> Self {
        Self { requests, refused }
    }

    /// Whether nothing can be sent by it any more.
    pub fn is_closed(&self) -> bool {
        self.requests.is_closed() || self.refused.get()
    }

    /// Waits until it takes a request. An error: it is closed, and was sent nothing.
    pub async fn ready(&mut self) -> hyper::Result<()> {
        self.requests.ready().await
    }

    /// Sends a request and waits for the head of the answer.
    pub fn send(
        &mut self,
        request: Request<Upload>,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<Upload>>>> + use<>
    {
        self.requests.try_send_request(request)
    }
}

/// Idle connections by instance.
#[derive(Debug, Default)]
pub struct Pool(RefCell<HashMap<u64, Vec<Idle>>>);

#[derive(Debug)]
struct Idle {
    sender: Sender,
    since: Instant,
}

impl Pool {
    /// The connection that was used last, if there is one that is open and fresh enough.
    pub fn take(&self, instance: u64, is_repeatable: bool, now: Instant) -> Option<Sender> {
        let mut pool = self.0.borrow_mut();
        let idle = pool.get_mut(&instance)?;
        let freshness = if is_repeatable { IDLE } else { IDLE_UNSAFE };
        while let Some(last) = idle.pop() {
            if last.sender.is_closed() {
                continue;
            }
            if now.saturating_duration_since(last.since) <= freshness {
                return Some(last.sender);
            }
            // The ones below are older still. This one may do for another request.
            if now.saturating_duration_since(last.since) <= IDLE {
                idle.push(last);
            } else {
                idle.clear();
            }
            return None;
        }
        None
    }

    /// Keeps a connection whose last answer was read to its end.
    pub fn put(&self, instance: u64, sender: Sender, now: Instant) {
        if sender.is_closed() {
            return;
        }
        let mut pool = self.0.borrow_mut();
        let idle = pool.entry(instance).or_default();
        if idle.len() < MOST_PER_INSTANCE {
            idle.push(Idle { sender, since: now });
        }
    }

    /// Closes the connections to one instance.
    pub fn discard(&self, instance: u64) {
        self.0.borrow_mut().remove(&instance);
    }

    /// Closes what was idle for too long.
    pub fn sweep(&self, now: Instant) {
        self.0.borrow_mut().retain(|_, idle| {
            idle.retain(|idle| {
                !idle.sender.is_closed() && now.saturating_duration_since(idle.since) <= IDLE
            });
            !idle.is_empty()
        });
    }

    /// Closes everything.
    pub fn clear(&self) {
        self.0.borrow_mut().clear();
    }
}
