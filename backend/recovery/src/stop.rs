//! How work that takes long is told to stop.

use tokio::sync::watch;

use crate::RecoveryError;

/// Shared by who works and who may want it to stop. Work looks often, and leaves nothing behind.
#[derive(Clone, Debug, Default)]
pub struct Stop(watch::Sender<bool>);

impl Stop {
    /// From now on.
    pub fn now(&self) {
        self.0.send_replace(true);
    }

    pub(crate) fn is_told(&self) -> bool {
        *self.0.borrow()
    }

    pub(crate) fn check(&self) -> Result<(), RecoveryError> {
        if self.is_told() {
            return Err(RecoveryError::Stopped);
        }
        Ok(())
    }

    /// Returns once it is told, for work that waits for others.
    pub(crate) async fn told(&self) {
        // This holds a sender, so that waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|told| *told).await;
    }
}
