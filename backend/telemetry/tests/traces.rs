//! Spans on their way to the collector.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use saas_domain::{Clock, Random};
use saas_telemetry::{
    Answer, Current, Kind, Limits, Metrics, Resource, Span, SpanKind, Tracer, Traces, Transport,
};
use tokio::{sync::Notify, time::Instant};

/// A collector that gives these answers, one after the other, and 200 from then on.
#[derive(Clone, Default)]
struct Collector(Arc<Inner>);

#[derive(Default)]
struct Inner {
    answers: Mutex<VecDeque<Result<Answer, String>>>,
    hangs: bool,
    posts: Mutex<Vec<(Instant, Bytes)>>,
    posted: Notify,
}

impl Collector {
    fn answering(answers: impl IntoIterator<Item = Result<Answer, String>>) -> Self {
        Self(Arc::new(Inner {
            answers: Mutex::new(answers.into_iter().collect()),
            ..Inner::default()
        }))
    }

    fn hanging() -> Self {
        Self(Arc::new(Inner {
            hangs: true,
            ..Inner::default()
        }))
    }

    fn times(&self) -> Vec<Instant> {
        let posts = self.0.posts.lock().unwrap();
        posts.iter().map(|(time, _)| *time).collect()
    }

    fn bodies(&self) -> Vec<Bytes> {
        let posts = self.0.posts.lock().unwrap();
        posts.iter().map(|(_, body)| body.clone()).collect()
    }

    async fn posted(&self, count: usize) {
        while self.times().len() < count {
            self.0.posted.notified().await;
        }
    }
}

impl Transport for Collector {
    async fn post(&self, request: Bytes) -> Result<Answer, String> {
        let now = Instant::now();
        self.0.posts.lock().unwrap().push((now, request));
        self.0.posted.notify_one();
        if self.0.hangs {
            std::future::pending::<()>().await;
        }
        let next = self.0.answers.lock().unwrap().pop_front();
        next.unwrap_or_else(|| answer(200, None))
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it is one of several outcomes")]
fn answer(status: u16, retry_after: Option<u64>) -> Result<Answer, String> {
    Ok(Answer {
        status,
        retry_after: retry_after.map(Duration::from_secs),
    })
}

const HOUR: Duration = Duration::from_hours(1);

struct Export {
    traces: Traces,
    tracer: Tracer,
    metrics: Metrics,
}

fn export(collector: &Collector, limits: Limits) -> Export {
    let metrics = Metrics::new("gateway");
    let traces = Traces::start(
        collector.clone(),
        limits,
        Clock::system(),
        Random::seeded(1),
    );
    let resource = Resource {
        service: "gateway".into(),
        instance: "one".into(),
        environment: "development",
    };
    Export {
        tracer: traces.tracer(&resource, &metrics),
        traces,
        metrics,
    }
}

impl Export {
    fn end(&self, count: u8) {
        for number in 0..count {
            let ids = ([7; 16], [number; 8]);
            let started = std::time::Instant::now();
            let span = Span::new(ids, None, SpanKind::Server, "GET /v1/me", started);
            self.tracer.end(span);
        }
    }

    fn dropped(&self, kind: &'static str) -> u64 {
        let dropped = &self.metrics.traces().dropped;
        dropped.get_or_create(&Kind { kind }).get()
    }

    fn exported(&self) -> u64 {
        self.metrics.traces().exported.get()
    }

    fn failures(&self) -> u64 {
        self.metrics.traces().failures.get()
    }
}

fn limits() -> Limits {
    Limits {
        waiting: 100,
        batch: 10,
        interval: Duration::from_secs(1),
        ..Limits::default()
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_dropped_and_counted() {
    let collector = Collector::hanging();
    let export = export(
        &collector,
        Limits {
            waiting: 4,
            ..limits()
        },
    );
    export.end(10);
    assert_eq!(export.dropped("full"), 6);
    // What was taken from the queue makes room, and no more than that.
    collector.posted(1).await;
    export.end(10);
    assert_eq!(export.dropped("full"), 12);
    assert_eq!(export.exported(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_full_batch_is_sent_at_once_and_a_part_of_one_in_time() {
    let collector = Collector::default();
    let batch = Limits {
        batch: 3,
        interval: HOUR,
        ..limits()
    };
    let full = export(&collector, batch);
    let began = Instant::now();
    full.end(3);
    collector.posted(1).await;
    assert!(collector.times()[0] - began < HOUR);
    full.end(1);
    collector.posted(2).await;
    let waited = collector.times()[1] - began;
    assert!((HOUR..HOUR * 2).contains(&waited), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn many_spans_are_several_batches() {
    let collector = Collector::default();
    let export = export(&collector, limits());
    export.end(25);
    collector.posted(3).await;
    let sizes: Vec<usize> = collector.bodies().iter().map(Bytes::len).collect();
    assert!(sizes[0] == sizes[1] && sizes[2] < sizes[1], "{sizes:?}");
    export.traces.stop(HOUR).await;
    assert_eq!(export.metrics.traces().exported.get(), 25);
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_is_away_is_asked_again_and_when_it_wants_to_be() {
    let away = Err("connection refused".to_owned());
    let collector = Collector::answering([answer(503, Some(7)), away, answer(429, None)]);
    let export = export(&collector, limits());
    export.end(2);
    collector.posted(4).await;
    let times = collector.times();
    let pauses: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (pause, least) in pauses.iter().zip([7, 2, 4]) {
        let least = Duration::from_secs(least);
        let most = least + least / 3;
        assert!((least..most).contains(pause), "{pauses:?}");
    }
    let bodies = collector.bodies();
    assert!(bodies.iter().all(|body| *body == bodies[0]));
    while export.exported() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(export.failures(), 3);
    assert_eq!(export.dropped("unsent") + export.dropped("refused"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_given_up_in_the_end_and_the_next_one_goes() {
    let collector = Collector::answering((0..3).map(|_| answer(503, None)));
    let export = export(
        &collector,
        Limits {
            tries: 3,
            ..limits()
        },
    );
    export.end(2);
    collector.posted(3).await;
    while export.dropped("unsent") < 2 {
        tokio::task::yield_now().await;
    }
    export.end(1);
    collector.posted(4).await;
    export.traces.stop(HOUR).await;
    assert_eq!(export.metrics.traces().exported.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_not_repeated() {
    let collector = Collector::answering([answer(400, None)]);
    let export = export(&collector, limits());
    export.end(3);
    collector.posted(1).await;
    while export.dropped("refused") < 3 {
        tokio::task::yield_now().await;
    }
    export.end(1);
    collector.posted(2).await;
    let bodies = collector.bodies();
    assert!(bodies[1].len() < bodies[0].len());
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_waited_for_so_long_and_no_longer() {
    let collector = Collector::hanging();
    let export = export(&collector, limits());
    export.end(1);
    collector.posted(2).await;
    assert_eq!(export.failures(), 1);
    let times = collector.times();
    let after = times[1] - times[0];
    assert!(
        after > limits().answer && after < limits().answer * 2,
        "{after:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn at_the_end_what_waits_is_sent() {
    let collector = Collector::default();
    let export = export(
        &collector,
        Limits {
            interval: HOUR,
            ..limits()
        },
    );
    export.end(25);
    let began = Instant::now();
    export.traces.stop(HOUR).await;
    assert_eq!(collector.times().len(), 3);
    assert!(began.elapsed() < HOUR);
    assert_eq!(export.metrics.traces().exported.get(), 25);
}

#[tokio::test(start_paused = true)]
async fn the_end_is_not_held_up() {
    // One that hangs.
    let export_of_hanging = export(&Collector::hanging(), limits());
    export_of_hanging.end(1);
    let began = Instant::now();
    export_of_hanging.traces.stop(Duration::from_secs(2)).await;
    assert!(began.elapsed() <= Duration::from_secs(3));
    // One that is away: each batch is tried once.
    let collector = Collector::answering((0..9).map(|_| Err("refused".to_owned())));
    let export = export(&collector, limits());
    export.end(25);
    let began = Instant::now();
    export.traces.stop(HOUR).await;
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!(collector.times().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_task_knows_the_span_it_works_for() {
    let collector = Collector::default();
    let export = export(&collector, limits());
    assert!(Current::get().is_none());
    let current = Current::new(export.tracer.clone(), Random::seeded(2), ([7; 16], [1; 8]));
    let work = async {
        let current = Current::get().unwrap();
        let started = std::time::Instant::now();
        let outer = current.child(SpanKind::Internal, "outer", started);
        current.enter(&outer);
        current.end(current.child(SpanKind::Client, "inner", started));
        current.leave(outer);
        current.end(current.child(SpanKind::Client, "beside", started));
    };
    current.scope(work).await;
    assert!(Current::get().is_none());
    export.traces.stop(HOUR).await;
    assert_eq!(export.metrics.traces().exported.get(), 3);
    // A tracer that is off takes none.
    let off = Tracer::off();
    assert!(!off.is_on() && export.tracer.is_on());
}
