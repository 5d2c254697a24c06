//! Follows a stream: a snapshot, then changes; resumes after a break, keeps the last good copy.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use saas_domain::{Clock, Random};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    ClientError, FrameDecoder, HttpClient, LastGoodCopy, boot_millis,
    sse::{Frame, FrameTooLarge},
    wire::EventId,
};

/// How long a start may take before a stream that does not come is worth a warning.
const STARTING: Duration = Duration::from_secs(5);
/// Streams beat every 250 ms; one that is silent for this long is dead, and another is tried.
const SILENCE: Duration = Duration::from_secs(2);
/// How long a stream may take to begin.
const CONNECT: Duration = Duration::from_secs(5);
/// Reconnects wait between these, doubling, with jitter, so that a restarted registry is not met
/// by all gateways in the same millisecond.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// How often is looked, while there is no stream, whether it is to come from elsewhere now.
const LOOK: Duration = Duration::from_millis(100);
/// The last good copy is written this long after a change, so that a burst is written once.
const COPY_DELAY: Duration = Duration::from_millis(500);

/// A table that events change.
pub trait Table: Clone + Default + Send + Sync + 'static {
    /// One change, as it stands on the wire: `{"event": name, "data": …}`.
    type Event: DeserializeOwned + Send;
    /// The table as a whole, as it is kept on disk.
    type Snapshot: Serialize + DeserializeOwned + Send + 'static;

    /// Names the table in logs, and its file: `<NAME>.last-good`.
    const NAME: &'static str;

    /// Takes a change in.
    fn apply(&mut self, event: Self::Event, now: DateTime<Utc>);
    /// Everything, to be kept.
    fn snapshot(&self) -> Self::Snapshot;
    /// The event that replaces everything.
    fn snapshot_event(snapshot: Self::Snapshot) -> Self::Event;
    /// Whether a copy may be used where tokens are issued by `issuer`.
    fn is_for(snapshot: &Self::Snapshot, issuer: &str) -> bool {
        let _ = (snapshot, issuer);
        true
    }
}

/// Makes a bearer token for each connection.
pub type TokenSource = Arc<dyn Fn() -> Option<String> + Send + Sync>;
/// Tells at which addresses the stream is to be had at this moment, base URL and path.
pub type Urls = Arc<dyn Fn() -> Vec<String> + Send + Sync>;

/// What a follower needs.
pub struct FollowerSettings {
    /// Where the stream is.
    pub urls: Urls,
    /// Who is asking.
    pub token: TokenSource,
    /// Where the last good copy is kept; `None`: nowhere.
    pub copy: Option<LastGoodCopy>,
    /// The time.
    pub clock: Clock,
    /// For jitter.
    pub random: Random,
    /// Ends the following.
    pub shutdown: CancellationToken,
}

/// A table that follows its stream. Cloning shares it.
pub struct Follower<T: Table> {
    shared: Arc<Shared<T>>,
    version: watch::Receiver<u64>,
}

impl<T: Table> Clone for Follower<T> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            version: self.version.clone(),
        }
    }
}

struct Shared<T> {
    table: ArcSwap<T>,
    seen: ArcSwap<Option<EventId>>,
    /// [`boot_millis`] of the last sign of life; 0: none in this process.
    last_beat: AtomicU64,
}

/// Why a connection to a stream ended.
#[derive(Debug, thiserror::Error)]
enum StreamError {
    #[error("no address is known for the {0} stream yet")]
    NoAddress(&'static str),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("the stream is to come from elsewhere now")]
    Moved,
    #[error("the stream's address is unusable")]
    Url(#[source] http::Error),
    #[error("{url} answered {status} instead of a stream")]
    Refused { url: String, status: StatusCode },
    #[error("the stream broke off")]
    Broken(#[source] hyper::Error),
    #[error("the stream ended")]
    Ended,
    #[error("the stream was silent for two seconds")]
    Silent,
    #[error(transparent)]
    TooLarge(#[from] FrameTooLarge),
    #[error("the event `{event}` could not be understood")]
    Event {
        event: String,
        #[source]
        source: serde_json::Error,
    },
}

impl<T: Table> Follower<T> {
    /// Loads the last good copy, if there is one, and follows the stream on the current runtime
    /// until the shutdown token fires.
    pub fn start(settings: FollowerSettings) -> Self {
        let (table, seen) = restore::<T>(&settings);
        let first = u64::from(seen.is_some());
        let (sender, version) = watch::channel(first);
        let shared = Arc::new(Shared {
            table: ArcSwap::from_pointee(table),
            seen: ArcSwap::from_pointee(seen),
            last_beat: AtomicU64::new(0),
        });
        let follower = Self {
            shared: Arc::clone(&shared),
            version,
        };
        if let Some(copy) = settings.copy.clone() {
            tokio::spawn(keep_copy(follower.clone(), copy, settings.shutdown.clone()));
        }
        tokio::spawn(follow(shared, settings, sender));
        follower
    }

    /// The table as it is now.
    pub fn current(&self) -> Arc<T> {
        self.shared.table.load_full()
    }

    /// The table as it is now, without touching its reference count: for the request path.
    pub fn load(&self) -> arc_swap::Guard<Arc<T>> {
        self.shared.table.load()
    }

    /// The newest event taken in, in this process or by the one that left the copy.
    pub fn seen(&self) -> Option<EventId> {
        **self.shared.seen.load()
    }

    /// Whether there is something to work with: a snapshot, or the last good copy.
    pub fn is_ready(&self) -> bool {
        *self.version.borrow() > 0
    }

    /// Milliseconds since the stream's last sign of life, suspension included; `None` if there has
    /// been none since this process started.
    pub fn silent_millis(&self) -> Option<u64> {
        match self.shared.last_beat.load(Ordering::Relaxed) {
            0 => None,
            at => Some(boot_millis().saturating_sub(at)),
        }
    }

    /// Rises with every change of the table, from 0 (nothing known). A receiver of its own, to
    /// wait on.
    pub fn versions(&self) -> watch::Receiver<u64> {
        self.version.clone()
    }
}

fn restore<T: Table>(settings: &FollowerSettings) -> (T, Option<EventId>) {
    let mut table = T::default();
    let Some(copy) = &settings.copy else {
        return (table, None);
    };
    match copy.load::<T::Snapshot>() {
        Ok(None) => (table, None),
        Ok(Some((_, snapshot)))
            if copy
                .issuer()
                .is_some_and(|issuer| !T::is_for(&snapshot, issuer)) =>
        {
            tracing::warn!(
                table = T::NAME,
                "the last good copy was written under another PUBLIC_URL; it is not used"
            );
            (table, None)
        }
        Ok(Some((seen, snapshot))) => {
            table.apply(T::snapshot_event(snapshot), settings.clock.now());
            tracing::info!(table = T::NAME, %seen, "the last good copy was loaded");
            (table, Some(seen))
        }
        Err(error) => {
            tracing::warn!(table = T::NAME, %error, "the last good copy cannot be used");
            (table, None)
        }
    }
}

async fn follow<T: Table>(
    shared: Arc<Shared<T>>,
    settings: FollowerSettings,
    version: watch::Sender<u64>,
) {
    let client = HttpClient::new();
    let mut wait = BACKOFF.0;
    let mut turn = usize::try_from(settings.random.below(64)).unwrap_or(0);
    let begun = Instant::now();
    let mut is_told = false;
    loop {
        turn = turn.wrapping_add(1);
        let urls = (settings.urls)();
        let before = shared.last_beat.load(Ordering::Relaxed);
        let error = tokio::select! {
            () = settings.shutdown.cancelled() => return,
            error = connection(&shared, &settings, &client, &version, &urls, turn) => error,
        };
        let had_life = shared.last_beat.load(Ordering::Relaxed) != before;
        if had_life {
            wait = BACKOFF.0;
        }
        // One line when the stream is lost, not one for each attempt to get it back; and none while
        // those it is to come from are only just starting.
        let has_lived = shared.last_beat.load(Ordering::Relaxed) != 0;
        is_told &= !had_life;
        if !is_told && (has_lived || begun.elapsed() >= STARTING) {
            is_told = true;
            let error: &dyn std::error::Error = &error;
            tracing::warn!(table = T::NAME, error, "the stream is away; trying again");
        }
        let jitter = settings
            .random
            .below(u32::try_from(wait.as_millis()).unwrap_or(1000));
        let pause = wait / 2 + Duration::from_millis(u64::from(jitter));
        tokio::select! {
            () = settings.shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => wait = (wait * 2).min(BACKOFF.1),
            () = moved(&settings, &urls) => wait = BACKOFF.0,
        }
    }
}

/// Waits until the stream is to come from elsewhere: nobody hopes for an address out of the last good
/// copy once the present one is known.
async fn moved(settings: &FollowerSettings, known: &[String]) {
    while (settings.urls)() == known {
        tokio::time::sleep(LOOK).await;
    }
}

/// One connection, from request to break.
async fn connection<T: Table>(
    shared: &Shared<T>,
    settings: &FollowerSettings,
    client: &HttpClient,
    version: &watch::Sender<u64>,
    urls: &[String],
    turn: usize,
) -> StreamError {
    match listen(shared, settings, client, version, urls, turn).await {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

async fn listen<T: Table>(
    shared: &Shared<T>,
    settings: &FollowerSettings,
    client: &HttpClient,
    version: &watch::Sender<u64>,
    urls: &[String],
    turn: usize,
) -> Result<std::convert::Infallible, StreamError> {
    let url = urls
        .get(turn % urls.len().max(1))
        .ok_or(StreamError::NoAddress(T::NAME))?;
    let mut body = tokio::select! {
        body = open(url, shared, settings, client) => body?,
        () = moved(settings, urls) => return Err(StreamError::Moved),
    };
    tracing::debug!(table = T::NAME, url, "following the stream");
    let mut decoder = FrameDecoder::default();
    loop {
        let piece = tokio::time::timeout(SILENCE, body.frame())
            .await
            .map_err(|_| StreamError::Silent)?
            .ok_or(StreamError::Ended)?
            .map_err(StreamError::Broken)?;
        let Ok(bytes) = piece.into_data() else {
            continue;
        };
        decoder.push(&bytes)?;
        while let Some(frame) = decoder.next_frame() {
            take(shared, &frame, settings, version)?;
        }
    }
}

async fn open<T: Table>(
    url: &str,
    shared: &Shared<T>,
    settings: &FollowerSettings,
    client: &HttpClient,
) -> Result<Incoming, StreamError> {
    let mut request = Request::get(url).header(header::ACCEPT, "text/event-stream");
    if let Some(token) = (settings.token)() {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    if let Some(seen) = **shared.seen.load() {
        request = request.header("last-event-id", seen.to_string());
    }
    let request = request
        .body(Full::new(Bytes::new()))
        .map_err(StreamError::Url)?;
    let response = client.send(request, CONNECT).await?;
    let status = response.status();
    if status != StatusCode::OK {
        let url = url.to_owned();
        return Err(StreamError::Refused { url, status });
    }
    Ok(response.into_body())
}

/// Takes a frame in. Events that this version does not know are passed over: a newer sender may
/// have them, and what they concern is unknown here anyway.
fn take<T: Table>(
    shared: &Shared<T>,
    frame: &Frame,
    settings: &FollowerSettings,
    version: &watch::Sender<u64>,
) -> Result<(), StreamError> {
    if frame.event != "beat" {
        // The wire's two fields joined to the one JSON value that the event type reads.
        let name = serde_json::Value::from(frame.event.as_str());
        let whole = format!(r#"{{"event":{name},"data":{}}}"#, frame.data);
        match serde_json::from_str::<T::Event>(&whole) {
            Ok(event) => {
                let mut table = T::clone(&shared.table.load());
                table.apply(event, settings.clock.now());
                shared.table.store(Arc::new(table));
            }
            Err(error) if error.to_string().starts_with("unknown variant") => {
                tracing::debug!(table = T::NAME, event = frame.event, "passed over");
            }
            Err(source) => {
                let event = frame.event.clone();
                return Err(StreamError::Event { event, source });
            }
        }
        if let Some(id) = frame.id.as_deref().and_then(|id| id.parse().ok()) {
            shared.seen.store(Arc::new(Some(id)));
        }
        version.send_modify(|version| *version += 1);
    }
    // Life is noted after the change is in: trust is not fresh before it is applied.
    shared
        .last_beat
        .store(boot_millis().max(1), Ordering::Relaxed);
    Ok(())
}

/// Writes the copy after changes, off the runtime's threads.
async fn keep_copy<T: Table>(
    follower: Follower<T>,
    copy: LastGoodCopy,
    shutdown: CancellationToken,
) {
    let mut versions = follower.versions();
    versions.mark_unchanged();
    let mut reported = false;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            changed = versions.changed() => if changed.is_err() { return },
        }
        tokio::time::sleep(COPY_DELAY).await;
        versions.mark_unchanged();
        // `seen` first: a copy may hold more than it claims, never less.
        let Some(seen) = follower.seen() else {
            continue;
        };
        let (table, copy) = (follower.current(), copy.clone());
        let write = move || copy.store(seen, &table.snapshot());
        let written = match tokio::task::spawn_blocking(write).await {
            Ok(written) => written,
            Err(error) => Err(io::Error::other(error)),
        };
        match written {
            Ok(()) => reported = false,
            Err(error) if !reported => {
                tracing::error!(table = T::NAME, %error, "the last good copy cannot be written; a restart while the registry is down would find an old one");
                reported = true;
            }
            Err(_) => {}
        }
    }
}
