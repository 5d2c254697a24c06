//! How work that takes long is told to stop, and tells how far it is.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::watch;

use crate::RecoveryError;

/// Shared by who works and who may want it to stop. Work looks often, and leaves nothing behind.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    told: watch::Sender<bool>,
    done: Arc<AtomicU64>,
}

impl Stop {
    /// From now on.
    pub fn now(&self) {
        self.told.send_replace(true);
    }

    /// Whether it was told so.
    pub fn is_told(&self) -> bool {
        *self.told.borrow()
    }

    /// Told together with this, and counting by itself.
    #[must_use]
    pub fn counting_anew(&self) -> Self {
        Self {
            told: self.told.clone(),
            done: Arc::default(),
        }
    }

    /// How many bytes of content have passed so far.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// The same for work that is not counted, since it goes before the one that is.
    pub(crate) fn uncounted(&self) -> Self {
        Self {
            done: Arc::default(),
            ..self.clone()
        }
    }

    pub(crate) fn passed(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.done.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Goes on unless it was told to stop.
    ///
    /// # Errors
    /// [`RecoveryError::Stopped`].
    pub fn check(&self) -> Result<(), RecoveryError> {
        if self.is_told() {
            return Err(RecoveryError::Stopped);
        }
        Ok(())
    }

    /// Returns once it is told, for work that waits for others.
    pub(crate) async fn told(&self) {
        // This holds a sender, so that waiting cannot fail.
        let _ = self.told.subscribe().wait_for(|told| *told).await;
    }
}
