//! Time limits and revocation for everything that waits on one thread.
//!
//! A timer for each read and write would cost more than the read. Here a wait leaves its waker and
//! the tick at which its patience ends; once a second one pass looks for those whose time is over.
//! Limits are therefore exact to a second, and cost two stores each.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    pin::pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use slab::Slab;

use crate::phases::Principal;

/// What is under way when its token is revoked may go on for so many seconds: a logout revokes the
/// very token it came with, and its answer has still to be brought back.
const REVOKED_GRACE: u32 = 5;

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Nothing came in time.
    TimedOut,
    /// The token it began with no longer holds.
    Revoked,
    /// The gateway is stopping and this would never end by itself.
    Stopping,
}

/// All waits of one thread.
#[derive(Debug, Default)]
pub struct Watch {
    /// Seconds since the thread began.
    tick: Cell<u32>,
    waits: RefCell<Slab<Wait>>,
}

#[derive(Debug)]
struct Wait {
    /// The tick after which it has waited too long.
    until: u32,
    /// The tick after which it is over whatever comes, because its token no longer holds.
    revoked_until: Option<u32>,
    principal: Option<Rc<Principal>>,
    /// Whether it may go on for ever: an event stream, an upgraded connection.
    is_endless: bool,
    waker: Option<Waker>,
    ended: Option<Ended>,
}

impl Watch {
    /// A wait of up to `seconds`, in the name of `principal`.
    pub fn begin(self: &Rc<Self>, seconds: u32, principal: Option<Rc<Principal>>) -> Guard {
        let key = self.waits.borrow_mut().insert(Wait {
            until: self.after(seconds),
            revoked_until: None,
            principal,
            is_endless: false,
            waker: None,
            ended: None,
        });
        Guard {
            watch: Rc::clone(self),
            key,
        }
    }

    /// The tick that has passed when `seconds` have.
    pub fn after(&self, seconds: u32) -> u32 {
        self.tick.get().saturating_add(seconds).saturating_add(1)
    }

    /// Seconds since the thread began.
    pub fn now(&self) -> u32 {
        self.tick.get()
    }

    /// One second has passed.
    pub fn advance(&self) {
        let tick = self.tick.get() + 1;
        self.tick.set(tick);
        self.end(|wait| {
            if wait.revoked_until.is_some_and(|until| until < tick) {
                return Some(Ended::Revoked);
            }
            (wait.until < tick).then_some(Ended::TimedOut)
        });
    }

    /// Ends what goes on in the name of somebody whose token no longer holds: at once what would go
    /// on for ever, and the rest after a grace.
    pub fn end_revoked(&self, holds: impl Fn(&Principal) -> bool) {
        let grace = self.after(REVOKED_GRACE);
        self.end(|wait| {
            if wait.revoked_until.is_none() {
                let principal = wait.principal.as_deref()?;
                if holds(principal) {
                    return None;
                }
                wait.revoked_until = Some(grace);
            }
            wait.is_endless.then_some(Ended::Revoked)
        });
    }

    /// Ends what would go on for ever.
    pub fn end_endless(&self) {
        self.end(|wait| wait.is_endless.then_some(Ended::Stopping));
    }

    fn end(&self, why: impl Fn(&mut Wait) -> Option<Ended>) {
        let mut wakers = Vec::new();
        for (_, wait) in &mut *self.waits.borrow_mut() {
            if wait.ended.is_none()
                && let Some(ended) = why(wait)
            {
                wait.ended = Some(ended);
                wakers.extend(wait.waker.take());
            }
        }
        // Outside the borrow: a waker may run anything.
        for waker in wakers {
            waker.wake();
        }
    }
}

/// One wait. Dropping it ends the watch over it.
#[derive(Debug)]
pub struct Guard {
    watch: Rc<Watch>,
    key: usize,
}

impl Guard {
    /// Something happened: another `seconds` begin.
    pub fn extend(&self, seconds: u32) {
        let until = self.watch.after(seconds);
        self.with(|wait| wait.until = until);
    }

    /// From here on it may take as long as it likes, and ends at once when its token is revoked.
    pub fn make_endless(&self) {
        self.with(|wait| {
            wait.until = u32::MAX;
            wait.is_endless = true;
            if wait.revoked_until.is_some() {
                wait.ended = Some(Ended::Revoked);
            }
        });
    }

    /// Ready when the wait is over for one of the reasons.
    pub fn poll(&self, context: &mut Context<'_>) -> Poll<Ended> {
        self.with(|wait| {
            if let Some(ended) = wait.ended {
                return Poll::Ready(ended);
            }
            match &mut wait.waker {
                Some(waker) => waker.clone_from(context.waker()),
                none => *none = Some(context.waker().clone()),
            }
            Poll::Pending
        })
        .unwrap_or(Poll::Pending)
    }

    /// Runs a future until it is done or the wait is over.
    pub async fn bound<F: Future>(&self, future: F) -> Result<F::Output, Ended> {
        let mut future = pin!(future);
        poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => self.poll(context).map(Err),
        })
        .await
    }

    fn with<T>(&self, change: impl FnOnce(&mut Wait) -> T) -> Option<T> {
        self.watch.waits.borrow_mut().get_mut(self.key).map(change)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let wait = self.watch.waits.borrow_mut().try_remove(self.key);
        // Its waker is dropped here, outside the borrow.
        drop(wait);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phases::tests::claims;

    fn poll(guard: &Guard) -> Poll<Ended> {
        guard.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_wait_ends_when_its_seconds_have_passed() {
        let watch = Rc::new(Watch::default());
        let guard = watch.begin(2, None);
        watch.advance();
        watch.advance();
        watch.advance();
        assert_eq!(poll(&guard), Poll::Pending);
        guard.extend(1);
        watch.advance();
        watch.advance();
        assert_eq!(poll(&guard), Poll::Pending);
        watch.advance();
        assert_eq!(poll(&guard), Poll::Ready(Ended::TimedOut));
    }

    #[test]
    fn what_is_under_way_when_its_token_is_revoked_has_a_grace_that_nothing_extends() {
        let watch = Rc::new(Watch::default());
        let begin = || watch.begin(60, Some(Rc::new(Principal::new(claims()))));
        let (request, stream) = (begin(), begin());
        watch.end_revoked(|_| false);
        assert_eq!(poll(&request), Poll::Pending);
        // Its answer turns out to be an event stream.
        stream.make_endless();
        assert_eq!(poll(&stream), Poll::Ready(Ended::Revoked));
        for _ in 0..=REVOKED_GRACE {
            watch.advance();
            watch.end_revoked(|_| false);
            request.extend(60);
            assert_eq!(poll(&request), Poll::Pending);
        }
        watch.advance();
        assert_eq!(poll(&request), Poll::Ready(Ended::Revoked));
    }

    #[test]
    fn endless_ones_end_only_for_a_reason() {
        let watch = Rc::new(Watch::default());
        let guard = watch.begin(1, Some(Rc::new(Principal::new(claims()))));
        guard.make_endless();
        for _ in 0..100 {
            watch.advance();
        }
        watch.end_revoked(|_| true);
        assert_eq!(poll(&guard), Poll::Pending);
        watch.end_revoked(|_| false);
        assert_eq!(poll(&guard), Poll::Ready(Ended::Revoked));
        let other = watch.begin(1, None);
        other.make_endless();
        watch.end_endless();
        assert_eq!(poll(&other), Poll::Ready(Ended::Stopping));
    }
}
