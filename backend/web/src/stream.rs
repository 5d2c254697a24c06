//! Change streams as server-sent events: a snapshot, then changes, and a beat in between.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::Body,
    extract::FromRequestParts,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use http::{
    HeaderValue,
    header::{CACHE_CONTROL, CONTENT_TYPE},
    request::Parts,
};
use http_body::Frame as BodyFrame;
use serde::Serialize;
use tokio::{
    sync::mpsc,
    time::{Instant, Interval, MissedTickBehavior},
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use saas_domain::EventId;

use crate::Problem;

/// How often a stream beats. Readers take it for stale after a second without.
pub const BEAT: Duration = Duration::from_millis(250);

/// How many events may wait for a reader before it is cut off, to come back and resume.
const QUEUE: usize = 1024;

static BEAT_FRAME: Bytes = Bytes::from_static(b"event: beat\ndata: {}\n\n");

/// Where a reader wants to go on (`Last-Event-ID`); an extractor. `None` without the header, and for
/// one that is not ours: the reader then gets a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastEventId(pub Option<EventId>);

impl<S: Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let value = parts.headers.get("last-event-id");
        let text = value.and_then(|value| value.to_str().ok());
        Ok(Self(text.and_then(|text| text.parse().ok())))
    }
}

/// One event, encoded once for every reader. Cloning shares the bytes.
#[derive(Clone, Debug)]
pub struct Frame {
    number: i64,
    bytes: Bytes,
}

impl Frame {
    /// Encodes an event; fails only if `data` cannot be written as JSON.
    pub fn encode(
        event: &str,
        id: EventId,
        data: &impl Serialize,
    ) -> Result<Self, serde_json::Error> {
        let mut bytes = format!("event: {event}\nid: {id}\ndata: ").into_bytes();
        // Compact JSON escapes line breaks, so the data is one line.
        serde_json::to_writer(&mut bytes, data)?;
        bytes.extend_from_slice(b"\n\n");
        Ok(Self {
            number: id.number,
            bytes: bytes.into(),
        })
    }

    /// The number of the change it carries.
    pub fn number(&self) -> i64 {
        self.number
    }

    /// The event as it is sent.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

/// Sends events to everybody who reads. Cloning shares the hub.
///
/// An answer is built in three steps, so that no event is missed between the snapshot and the first
/// change: [`StreamHub::subscribe`], then read the state, then [`Subscription::respond`] with it.
/// Events that the snapshot already contains are left out by their number.
#[derive(Clone)]
pub struct StreamHub(Arc<Hub>);

struct Hub {
    epoch: i64,
    shutdown: CancellationToken,
    readers: Mutex<Vec<mpsc::Sender<Frame>>>,
    freshness: Option<Freshness>,
}

/// When the publisher last knew that it had missed nothing.
struct Freshness {
    began: Instant,
    lasts: Duration,
    /// Milliseconds after `began`.
    confirmed: AtomicU64,
}

impl Freshness {
    fn holds(&self) -> bool {
        let confirmed = Duration::from_millis(self.confirmed.load(Ordering::Acquire));
        self.began.elapsed() < confirmed + self.lasts
    }
}

impl fmt::Debug for StreamHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamHub")
            .field("epoch", &self.0.epoch)
            .finish_non_exhaustive()
    }
}

impl StreamHub {
    /// A hub whose streams beat as long as the process lives. Every stream ends at once when
    /// `shutdown` is cancelled.
    pub fn new(epoch: i64, shutdown: CancellationToken) -> Self {
        Self::build(epoch, shutdown, None)
    }

    /// A hub whose streams beat only within `lasts` of the last [`StreamHub::confirm`]: a replica
    /// that cannot see the others' changes any more falls silent, and its readers know they are
    /// stale. It counts as confirmed when it is made.
    pub fn confirmed_for(epoch: i64, shutdown: CancellationToken, lasts: Duration) -> Self {
        let freshness = Freshness {
            began: Instant::now(),
            lasts,
            confirmed: AtomicU64::new(0),
        };
        Self::build(epoch, shutdown, Some(freshness))
    }

    fn build(epoch: i64, shutdown: CancellationToken, freshness: Option<Freshness>) -> Self {
        Self(Arc::new(Hub {
            epoch,
            shutdown,
            readers: Mutex::default(),
            freshness,
        }))
    }

    /// Says that every change known to the database up to now has been published.
    pub fn confirm(&self) {
        if let Some(freshness) = &self.0.freshness {
            let now = u64::try_from(freshness.began.elapsed().as_millis()).unwrap_or(u64::MAX);
            freshness.confirmed.fetch_max(now, Ordering::AcqRel);
        }
    }

    /// The epoch in the identifiers of this hub's events.
    pub fn epoch(&self) -> i64 {
        self.0.epoch
    }

    /// The identifier of change `number`.
    pub fn id(&self, number: i64) -> EventId {
        EventId {
            epoch: self.0.epoch,
            number,
        }
    }

    /// Encodes an event of this hub's epoch.
    pub fn frame(
        &self,
        event: &str,
        number: i64,
        data: &impl Serialize,
    ) -> Result<Frame, serde_json::Error> {
        Frame::encode(event, self.id(number), data)
    }

    /// Sends events to every reader, in this order. A reader whose queue is full is cut off; it
    /// comes back and resumes.
    pub fn publish(&self, frames: &[Frame]) {
        self.lock().retain(|reader| {
            frames
                .iter()
                .all(|frame| reader.try_send(frame.clone()).is_ok())
        });
    }

    /// Cuts every reader off, to come back and resume: for a state that has to be sent anew.
    pub fn disconnect_all(&self) {
        self.lock().clear();
    }

    /// How many streams are open.
    pub fn readers(&self) -> usize {
        let mut readers = self.lock();
        readers.retain(|reader| !reader.is_closed());
        readers.len()
    }

    /// Begins to collect events for one reader.
    pub fn subscribe(&self) -> Subscription {
        let (sender, receiver) = mpsc::channel(QUEUE);
        self.lock().push(sender);
        Subscription {
            hub: Arc::clone(&self.0),
            receiver,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<mpsc::Sender<Frame>>> {
        self.0
            .readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reader's place in the hub, before its answer has begun.
pub struct Subscription {
    hub: Arc<Hub>,
    receiver: mpsc::Receiver<Frame>,
}

impl Subscription {
    /// The answer: first the given frames, then every event with a number above `after`, and beats.
    pub fn respond(self, first: Vec<Frame>, after: i64) -> Response {
        if self.hub.shutdown.is_cancelled() {
            let stopping = "the service is stopping; connect again, another replica will answer";
            return Problem::unavailable("stopping", 1, stopping).into_response();
        }
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut first: Vec<Bytes> = first.into_iter().map(|frame| frame.bytes).collect();
        first.reverse();
        let body = Events {
            stopped: Box::pin(self.hub.shutdown.clone().cancelled_owned()),
            hub: self.hub,
            receiver: self.receiver,
            first,
            after,
            beat,
        };
        let mut response = Body::new(body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // nginx would otherwise collect events until its buffer is full.
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        response
    }
}

/// The body of a stream.
struct Events {
    hub: Arc<Hub>,
    stopped: Pin<Box<WaitForCancellationFutureOwned>>,
    receiver: mpsc::Receiver<Frame>,
    /// What to send first, the last one in front.
    first: Vec<Bytes>,
    after: i64,
    beat: Interval,
}

impl http_body::Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<BodyFrame<Bytes>, Infallible>>> {
        if self.stopped.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        if let Some(bytes) = self.first.pop() {
            return Poll::Ready(Some(Ok(BodyFrame::data(bytes))));
        }
        loop {
            match self.receiver.poll_recv(cx) {
                Poll::Ready(Some(frame)) if frame.number > self.after => {
                    return Poll::Ready(Some(Ok(BodyFrame::data(frame.bytes))));
                }
                Poll::Ready(Some(_)) => {}
                // Too slow, or told to come back.
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => break,
            }
        }
        loop {
            ready!(self.beat.poll_tick(cx));
            if self.hub.freshness.as_ref().is_none_or(Freshness::holds) {
                return Poll::Ready(Some(Ok(BodyFrame::data(BEAT_FRAME.clone()))));
            }
        }
    }
}
