//! Traces: spans of requests, sent to a collector by OTLP over HTTP.
//!
//! Who ends a span puts it into a bounded queue and goes on; a task of its own takes what is there,
//! once a second or when there is enough for a batch, and sends it. Nobody ever waits for the
//! collector: when it does not keep up, spans are dropped and counted.
//!
//! OpenTelemetry's own crates were tried and left alone: they bring eleven that are not here yet, and
//! have one resource for each process where `saas up` has three services.

mod current;
mod export;
mod otlp;
mod queue;
mod sampler;
mod span;

use std::{fmt, sync::Arc, time::Duration};

use saas_domain::{Clock, Random};
use tokio::{sync::watch, task::JoinHandle};

pub use current::Current;
pub use export::{Answer, Transport};
pub use otlp::Resource;
pub use sampler::Sampler;
pub use span::{Parent, Span, SpanId, SpanKind, TraceId, Value};

use crate::Metrics;
use export::Exporter;
use queue::{Ended, Queue, Source};

/// How much is kept and sent at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Spans that wait, at most; later ones are dropped. While a batch is under way, as many again
    /// may wait behind it.
    pub waiting: usize,
    /// Spans that are sent at once, at most.
    pub batch: usize,
    /// How long a span waits for others to be sent with.
    pub interval: Duration,
    /// How long the collector may take.
    pub answer: Duration,
    /// How often a batch is sent, at most, before it is given up.
    pub tries: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            waiting: 4096,
            batch: 512,
            interval: Duration::from_secs(1),
            answer: Duration::from_secs(10),
            tries: 5,
        }
    }
}

/// The export of a process's spans. It goes on until [`Traces::stop`].
pub struct Traces {
    queue: Arc<Queue>,
    clock: Clock,
    stopping: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Traces")
    }
}

impl Traces {
    /// Begins to export, on the current runtime.
    pub fn start(transport: impl Transport, limits: Limits, clock: Clock, random: Random) -> Self {
        let queue = Arc::new(Queue::new(limits.waiting, limits.batch));
        let (stopping, stop) = watch::channel(false);
        let exporter = Exporter::new(transport, Arc::clone(&queue), limits, random);
        Self {
            queue,
            clock,
            stopping,
            task: tokio::spawn(exporter.run(stop)),
        }
    }

    /// For the spans of one service, which are counted in its metrics.
    pub fn tracer(&self, resource: &Resource, metrics: &Metrics) -> Tracer {
        Tracer(Some(Arc::new(Source {
            resource: resource.encode(),
            queue: Arc::clone(&self.queue),
            clock: self.clock.clone(),
            metrics: metrics.traces().clone(),
        })))
    }

    /// Sends what is waiting, within the given time; what is left then is lost.
    pub async fn stop(mut self, within: Duration) {
        let _ = self.stopping.send(true);
        if tokio::time::timeout(within, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

/// Takes the spans of one service. Cloning shares it; the default takes none.
#[derive(Clone, Default)]
pub struct Tracer(Option<Arc<Source>>);

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tracer").field(&self.is_on()).finish()
    }
}

impl Tracer {
    /// One that takes no spans.
    pub const fn off() -> Self {
        Self(None)
    }

    /// Whether it takes spans. Without it nobody needs to make one.
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// The span ends now and is to be exported.
    pub fn end(&self, mut span: Span) {
        let Some(source) = &self.0 else {
            return;
        };
        span.ends_at(source.clock.now());
        let ended = Ended {
            source: Arc::clone(source),
            span,
        };
        if !source.queue.push(ended) {
            source.dropped("full", 1);
        }
    }
}
