//! The span that a task works for, so that what lies below needs no parameter for it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use saas_domain::Random;

use super::{Parent, Span, SpanId, SpanKind, TraceId, Tracer};

tokio::task_local! {
    static CURRENT: Current;
}

/// A recorded span, and what is needed to put others below it. Cloning shares it.
#[derive(Clone)]
pub struct Current(Arc<Inner>);

struct Inner {
    tracer: Tracer,
    random: Random,
    trace: TraceId,
    id: SpanId,
    /// The span within this one that new ones belong to, 0 if none: a transaction that is open. A task
    /// has one at a time; if ever it has two, the second one's statements are shown below it alone.
    within: AtomicU64,
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Current")
    }
}

impl Current {
    /// A span of this tracer's.
    pub fn new(tracer: Tracer, random: Random, (trace, id): (TraceId, SpanId)) -> Self {
        Self(Arc::new(Inner {
            tracer,
            random,
            trace,
            id,
            within: AtomicU64::new(0),
        }))
    }

    /// Runs something that works for this span.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// What the current task works for, if that is recorded.
    pub fn get() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }

    /// A span below this one, or below the one that was entered.
    pub fn child(&self, kind: SpanKind, name: &'static str, started: Instant) -> Span {
        let id = match self.0.within.load(Ordering::Relaxed) {
            0 => self.0.id,
            within => within.to_be_bytes(),
        };
        let parent = Parent {
            id,
            is_remote: false,
        };
        let own = (self.0.trace, self.0.random.bytes());
        Span::new(own, Some(parent), kind, name, started)
    }

    /// From now on, new spans belong below this one.
    pub fn enter(&self, span: &Span) {
        let id = u64::from_be_bytes(span.id);
        self.0.within.store(id, Ordering::Relaxed);
    }

    /// No longer, and the span ends.
    pub fn leave(&self, span: Span) {
        let id = u64::from_be_bytes(span.id);
        let within = &self.0.within;
        let _ = within.compare_exchange(id, 0, Ordering::Relaxed, Ordering::Relaxed);
        self.end(span);
    }

    /// The span ends.
    pub fn end(&self, span: Span) {
        self.0.tracer.end(span);
    }
}
