//! Where ended spans wait.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use saas_domain::Clock;
use tokio::sync::Notify;

use super::Span;
use crate::{Kind, TraceMetrics};

/// Whose spans they are.
pub(super) struct Source {
    /// As the collector reads it.
    pub(super) resource: Bytes,
    pub(super) queue: Arc<Queue>,
    pub(super) clock: Clock,
    pub(super) metrics: TraceMetrics,
}

impl Source {
    /// Counts spans that were given up.
    pub(super) fn dropped(&self, kind: &'static str, count: u64) {
        let dropped = &self.metrics.dropped;
        dropped.get_or_create(&Kind { kind }).inc_by(count);
    }
}

/// A span that has ended.
pub(super) struct Ended {
    pub(super) source: Arc<Source>,
    pub(super) span: Span,
}

/// Bounded. The lock is held for one push or one swap.
pub(super) struct Queue {
    spans: Mutex<Vec<Ended>>,
    most: usize,
    batch: usize,
    /// Told when there is enough for a batch: once for each, since waking another thread costs more
    /// than all the rest.
    pub(super) full_batch: Notify,
}

impl Queue {
    pub(super) fn new(most: usize, batch: usize) -> Self {
        Self {
            spans: Mutex::default(),
            most,
            batch,
            full_batch: Notify::new(),
        }
    }

    /// Whether there was room.
    pub(super) fn push(&self, ended: Ended) -> bool {
        let mut spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        if spans.len() >= self.most {
            return false;
        }
        spans.push(ended);
        let is_enough = spans.len() == self.batch;
        drop(spans);
        if is_enough {
            self.full_batch.notify_one();
        }
        true
    }

    /// Everything that waits.
    pub(super) fn take(&self) -> Vec<Ended> {
        let mut spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        mem::take(&mut *spans)
    }
}
