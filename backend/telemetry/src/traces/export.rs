//! From the queue to the collector.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use saas_domain::Random;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::{
    Limits, otlp,
    queue::{Ended, Queue},
};

/// The first pause before a batch is sent again; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How bytes reach the collector.
pub trait Transport: Send + Sync + 'static {
    /// Posts an `ExportTraceServiceRequest` in its binary form.
    ///
    /// # Errors
    /// Why there was no answer, as a sentence for the log.
    fn post(&self, request: Bytes) -> impl Future<Output = Result<Answer, String>> + Send;
}

/// What the collector said. Its body is not looked at: whatever it is, there is nothing to be done.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// `Retry-After`.
    pub retry_after: Option<Duration>,
}

/// Why a batch was not taken.
struct Fault {
    reason: String,
    /// Whether it may be taken later.
    is_passing: bool,
    retry_after: Option<Duration>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

pub(super) struct Exporter<T> {
    transport: T,
    queue: Arc<Queue>,
    limits: Limits,
    random: Random,
    /// Whether the last export failed, which is told once.
    is_failing: bool,
}

impl<T: Transport> Exporter<T> {
    pub(super) fn new(transport: T, queue: Arc<Queue>, limits: Limits, random: Random) -> Self {
        Self {
            transport,
            queue,
            limits,
            random,
            is_failing: false,
        }
    }

    /// Sends until it is told to stop, and then what is left.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = sleep(self.limits.interval) => {}
                () = self.queue.full_batch.notified() => {}
                () = stopped(&mut stop) => {}
            }
            let is_last = *stop.borrow();
            for batch in self.queue.take().chunks(self.limits.batch.max(1)) {
                self.deliver(batch, &mut stop).await;
            }
            if is_last {
                return;
            }
        }
    }

    async fn deliver(&mut self, batch: &[Ended], stop: &mut watch::Receiver<bool>) {
        let request = otlp::request(batch);
        let mut tries = 0;
        loop {
            tries += 1;
            // Read before sending: whoever is told to stop while it waits tries once more.
            let is_last = tries >= self.limits.tries || *stop.borrow();
            let fault = match self.send(request.clone()).await {
                Ok(()) => {
                    self.recovered();
                    each(batch, |ended| {
                        ended.source.metrics.exported.inc();
                    });
                    return;
                }
                Err(fault) => fault,
            };
            self.failed(&fault, batch);
            if !fault.is_passing || is_last {
                let kind = if fault.is_passing {
                    "unsent"
                } else {
                    "refused"
                };
                each(batch, |ended| ended.source.dropped(kind, 1));
                return;
            }
            let pause = self.pause(tries, fault.retry_after);
            tokio::select! {
                () = sleep(pause) => {}
                () = stopped(stop) => {}
            }
        }
    }

    async fn send(&self, request: Bytes) -> Result<(), Fault> {
        let passing = |reason| Fault {
            reason,
            is_passing: true,
            retry_after: None,
        };
        let within = self.limits.answer;
        let answer = timeout(within, self.transport.post(request))
            .await
            .map_err(|_| passing(format!("no answer within {within:?}")))?
            .map_err(passing)?;
        match answer.status {
            200..300 => Ok(()),
            status => Err(Fault {
                reason: format!("it answered {status}"),
                is_passing: matches!(status, 429 | 502..=504),
                retry_after: answer.retry_after,
            }),
        }
    }

    /// What the collector asked for, or longer each time, and not all processes at the same moment.
    fn pause(&self, tries: u32, asked: Option<Duration>) -> Duration {
        let grown = FIRST_PAUSE.saturating_mul(1 << (tries - 1).min(10));
        let pause = asked.unwrap_or(grown).min(LONGEST_PAUSE);
        pause + pause.mul_f64(f64::from(self.random.below(1_000)) / 4_000.0)
    }

    fn failed(&mut self, fault: &Fault, batch: &[Ended]) {
        let mut told: Vec<*const _> = Vec::new();
        for ended in batch {
            let source = Arc::as_ptr(&ended.source);
            if !told.contains(&source) {
                told.push(source);
                ended.source.metrics.failures.inc();
            }
        }
        if !self.is_failing {
            self.is_failing = true;
            tracing::warn!(
                reason = %fault,
                "the collector of traces does not take them; spans are dropped until it does, and requests go on"
            );
        }
    }

    fn recovered(&mut self) {
        if self.is_failing {
            self.is_failing = false;
            tracing::info!("the collector of traces takes them again");
        }
    }
}

fn each(batch: &[Ended], count: impl Fn(&Ended)) {
    for ended in batch {
        count(ended);
    }
}

/// Waits until it is to stop. Whose owner is gone without a word goes on until it is dropped.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|is_stopping| *is_stopping).await.is_err() {
        std::future::pending::<()>().await;
    }
}
