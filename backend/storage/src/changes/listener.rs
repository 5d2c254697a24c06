//! Waking followers: at once where a change was committed here or the server says so, and every
//! half second in any case, because a notification may be lost with its connection.

use std::time::Duration;

use sea_orm::sqlx::postgres::PgListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{CHANNEL, ChangeStream};

/// The longest a follower goes without looking.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// The pause after the listening connection could not be made.
const RECONNECT: Duration = Duration::from_secs(1);

/// One counter per stream; raising it wakes whoever watches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signals {
    registry: watch::Sender<u64>,
    trust: watch::Sender<u64>,
}

impl Signals {
    pub(crate) fn fire(&self, stream: ChangeStream) {
        self.of(stream).send_modify(|count| *count += 1);
    }

    pub(crate) fn watch(&self, stream: ChangeStream) -> ChangeWatch {
        ChangeWatch(self.of(stream).subscribe())
    }

    fn of(&self, stream: ChangeStream) -> &watch::Sender<u64> {
        match stream {
            ChangeStream::Registry => &self.registry,
            ChangeStream::Trust => &self.trust,
        }
    }
}

/// Tells when to look at the log again.
#[derive(Debug)]
pub struct ChangeWatch(watch::Receiver<u64>);

impl ChangeWatch {
    /// Returns when the stream has changed since the last call, and after half a second at most.
    pub async fn woken(&mut self) {
        // Both outcomes mean "look": changed, or time is up.
        let _ = tokio::time::timeout(LOOK_AGAIN, self.0.changed()).await;
    }
}

/// The connection of its own that listens, for as long as the value lives.
#[derive(Debug)]
pub(crate) struct Listener(JoinHandle<()>);

impl Listener {
    pub(crate) fn start(url: String, signals: Signals) -> Self {
        Self(tokio::spawn(async move {
            loop {
                if let Err(error) = listen(&url, &signals).await {
                    tracing::debug!(%error, "not listening for changes; looking instead");
                }
                tokio::time::sleep(RECONNECT).await;
            }
        }))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn listen(url: &str, signals: &Signals) -> Result<(), sea_orm::sqlx::Error> {
    let mut listener = PgListener::connect(url).await?;
    listener.listen(CHANNEL).await?;
    loop {
        // `None`: the connection was lost and made again; something may have passed unheard.
        let notification = listener.try_recv().await?;
        let named = notification.and_then(|n| ChangeStream::from_name(n.payload()));
        match named {
            Some(stream) => signals.fire(stream),
            None => ChangeStream::ALL.into_iter().for_each(|s| signals.fire(s)),
        }
    }
}
