//! One thread's own things: nothing here is shared, so nothing here is locked.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use http::HeaderValue;
use saas_domain::Random;
use saas_registry_client::{Standing, TrustTable};
use slab::Slab;
use tokio::sync::watch;

use super::{
    client_io::{ConnectionState, Patience},
    handshake::Handshakes,
    pool::Pool,
    watch::Watch,
};
use crate::{
    phases::{AddressCache, TokenCache},
    shared::Shared,
};

/// A request deposits a fifth of a resend, up to so many resends.
const RETRY_DEPOSIT: u32 = 2;
const RETRY_COST: u32 = 10;
const RETRY_MOST: u32 = 1_000;

/// Seconds between two passes over the caches.
const CACHE_SWEEP: u32 = 30;
/// Seconds for which a token that shows core and registry who we are is used: half its life.
const PRESENCE_LIVES: TimeDelta = TimeDelta::seconds(30);
/// How often a waiting request looks for an instance even if the table does not change: one that
/// was restarted at the same address does not change it.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// A silence of core that may be over soon: a stream that died is replaced soon after.
const STALE_A_MOMENT_MS: u64 = 5_000;
/// Seconds for a client to read what was sent to it.
const WRITE_PATIENCE: u32 = 60;

/// Which connections are closed at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// None yet.
    None,
    /// Those that have brought a request: every answer since the signal to stop said that it is the
    /// last. A new connection is still waited for: its request may be on its way.
    Used,
    /// All.
    All,
}

/// A thread that serves requests.
pub struct Worker {
    /// What all threads share.
    pub shared: Arc<Shared>,
    /// Connections to instances.
    pub pool: Pool,
    /// Time limits and revocation.
    pub watch: Rc<Watch>,
    /// TLS handshakes under way.
    pub handshakes: Handshakes,
    /// Verified tokens.
    pub tokens: TokenCache,
    /// Buckets of addresses.
    pub addresses: AddressCache,
    /// For identifiers, which are no secrets: seeded from the system's source once, because asking
    /// that for each request costs a system call.
    pub random: Random,
    trust: RefCell<KeptTrust>,
    presence: RefCell<Option<Presence>>,
    connections: RefCell<Slab<ConnectionState>>,
    open: Cell<usize>,
    closing: Cell<Closing>,
    turn: Cell<usize>,
    retry_budget: Cell<u32>,
    in_flight: Cell<i64>,
    in_flight_told: Cell<i64>,
}

/// The token that shows who we are.
struct Presence {
    token: HeaderValue,
    made: DateTime<Utc>,
}

/// The trust table this thread last saw. The number tells its tables apart.
struct KeptTrust {
    table: Arc<TrustTable>,
    version: u64,
    is_known: bool,
}

impl Worker {
    /// A thread's things, before its first connection.
    pub fn new(shared: Arc<Shared>) -> Rc<Self> {
        let seed = u64::from_le_bytes(shared.random.bytes());
        let trust = KeptTrust {
            table: shared.trust.current(),
            version: 0,
            is_known: shared.trust.is_ready(),
        };
        Rc::new(Self {
            shared,
            pool: Pool::default(),
            watch: Rc::default(),
            handshakes: Handshakes::default(),
            tokens: TokenCache::default(),
            addresses: AddressCache::default(),
            random: Random::seeded(seed),
            trust: RefCell::new(trust),
            presence: RefCell::default(),
            connections: RefCell::default(),
            open: Cell::new(0),
            closing: Cell::new(Closing::None),
            // Threads that start at different places do not all meet the same instance first.
            turn: Cell::new(usize::try_from(seed >> 32).unwrap_or(0)),
            retry_budget: Cell::new(RETRY_MOST / 10),
            in_flight: Cell::new(0),
            in_flight_told: Cell::new(0),
        })
    }

    /// Runs something with the current trust table, `None` while nothing is known, and the number
    /// that tells it from others.
    pub fn with_trust<T>(&self, run: impl FnOnce(Option<&TrustTable>, u64) -> T) -> T {
        let mut kept = self.trust.borrow_mut();
        let current = self.shared.trust.load();
        if !Arc::ptr_eq(&kept.table, &current) {
            kept.table = Arc::clone(&current);
            kept.version += 1;
        }
        if !kept.is_known {
            kept.is_known = self.shared.trust.is_ready();
        }
        run(kept.is_known.then_some(&*kept.table), kept.version)
    }

    /// What shows core and registry that a request comes from a gateway. `None`: it cannot be made,
    /// and they take the gateway for the client.
    pub fn presence(&self) -> Option<HeaderValue> {
        let now = self.shared.clock.now();
        let mut kept = self.presence.borrow_mut();
        let is_good = |presence: &Presence| (now - presence.made).abs() < PRESENCE_LIVES;
        if !kept.as_ref().is_some_and(is_good) {
            let token = self.shared.presence.token(now).ok();
            let token = token.and_then(|token| HeaderValue::from_str(&token).ok());
            *kept = token.map(|token| Presence { token, made: now });
        }
        kept.as_ref().map(|presence| presence.token.clone())
    }

    /// A number that differs from call to call.
    pub fn turn(&self) -> usize {
        self.turn.replace(self.turn.get().wrapping_add(1))
    }

    /// A request begins to be forwarded: it pays into the retry budget.
    pub fn note_request(&self) {
        let budget = self.retry_budget.get() + RETRY_DEPOSIT;
        self.retry_budget.set(budget.min(RETRY_MOST));
    }

    /// Takes one resend from the budget. When many requests fail, resending them all would only
    /// bury what is left of the service.
    pub fn take_retry(&self) -> bool {
        let rest = self.retry_budget.get().checked_sub(RETRY_COST);
        rest.map(|rest| self.retry_budget.set(rest)).is_some()
    }

    /// Waits a moment, less if the table changes.
    pub async fn until_table_changes(&self, versions: &mut watch::Receiver<u64>) {
        tokio::select! {
            _ = versions.changed() => {}
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
    }

    /// Waits until core is heard from again, if it was heard from a moment ago: while its replicas are
    /// restarted in turn, the stream moves from one to the next. A gateway that has just begun, with
    /// its last good copy, is about to hear from it for the first time. Whether it is.
    pub async fn until_trust_is_fresh(&self) -> bool {
        let shared = &self.shared;
        let silent = || {
            shared
                .trust
                .silent_millis()
                .unwrap_or_else(|| shared.life_ms())
        };
        let Some(_place) = shared.wait_place() else {
            return false;
        };
        while silent() <= STALE_A_MOMENT_MS {
            tokio::time::sleep(LOOK_AGAIN).await;
            if shared.trust_is_fresh() {
                return true;
            }
        }
        false
    }

    /// A request's head was read.
    pub fn note_begun(&self) {
        self.in_flight.set(self.in_flight.get() + 1);
    }

    /// A request is over.
    pub fn note_ended(&self) {
        self.in_flight.set(self.in_flight.get() - 1);
    }

    /// Something that the thread is not to end before: a connection, upgraded or not.
    pub fn open(self: &Rc<Self>) -> Open {
        self.open.set(self.open.get() + 1);
        Open(Rc::clone(self))
    }

    /// How much is open.
    pub fn count_open(&self) -> usize {
        self.open.get()
    }

    /// Watches over a client's connection until the returned guard is dropped.
    pub fn watch_connection(self: &Rc<Self>, state: ConnectionState) -> Watched {
        let key = self.connections.borrow_mut().insert(state);
        self.shared.metrics.gateway().connections.inc();
        Watched {
            open: self.open(),
            key,
        }
    }

    /// From here on connections of this kind are closed, those with a request after it.
    pub fn close(&self, closing: Closing) {
        self.closing.set(closing);
        if closing == Closing::All {
            self.handshakes.end();
        }
        for (_, connection) in &*self.connections.borrow() {
            connection.wake();
        }
        self.pool.clear();
    }

    /// Whether the connection is to be closed.
    pub fn is_closing(&self, connection: &ConnectionState) -> bool {
        match self.closing.get() {
            Closing::None => false,
            Closing::Used => connection.was_used(),
            Closing::All => true,
        }
    }

    /// Ends streams and upgraded connections whose token no longer holds.
    pub fn end_revoked(&self) {
        self.with_trust(|trust, version| {
            let Some(trust) = trust else {
                return;
            };
            self.watch
                .end_revoked(|principal| principal.standing(trust, version) == Standing::Good);
        });
    }

    /// What is done once a second.
    pub fn tick(&self) {
        self.watch.advance();
        let now = self.watch.now();
        let times = &self.shared.times;
        let patience = Patience {
            idle: times.idle_connection,
            head: times.request_head,
            write: WRITE_PATIENCE,
        };
        for (_, connection) in &*self.connections.borrow() {
            connection.look(now, patience);
        }
        self.pool.sweep(Instant::now());
        if now.is_multiple_of(CACHE_SWEEP) {
            self.tokens.sweep(self.shared.clock.now());
            self.addresses.clear();
        }
        self.tell_figures();
    }

    /// Adds this thread's figures to the process's.
    fn tell_figures(&self) {
        let metrics = self.shared.metrics.gateway();
        let (hits, misses) = self.tokens.take_counts();
        metrics.token_cache_hits.inc_by(hits);
        metrics.token_cache_misses.inc_by(misses);
        let now = self.in_flight.get();
        metrics
            .in_flight
            .inc_by(now - self.in_flight_told.replace(now));
    }
}

/// Counts as open until it is dropped.
pub struct Open(Rc<Worker>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
    }
}

/// A client's connection that is watched over.
pub struct Watched {
    open: Open,
    key: usize,
}

impl Drop for Watched {
    fn drop(&mut self) {
        let worker = &self.open.0;
        worker.connections.borrow_mut().try_remove(self.key);
        worker.shared.metrics.gateway().connections.dec();
    }
}
