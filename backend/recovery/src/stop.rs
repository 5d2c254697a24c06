//! How work that takes long is told to stop.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::RecoveryError;

/// How often it is looked at for work that cannot look itself.
const OFTEN: Duration = Duration::from_millis(50);

/// Shared by who works and who may want it to stop. Work looks often, and leaves nothing behind.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// From now on.
    pub fn now(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Comes when it is to stop; for work that cannot look itself.
    pub(crate) async fn told(&self) -> RecoveryError {
        loop {
            if let Err(error) = self.check() {
                return error;
            }
            tokio::time::sleep(OFTEN).await;
        }
    }

    pub(crate) fn check(&self) -> Result<(), RecoveryError> {
        if self.0.load(Ordering::Relaxed) {
            return Err(RecoveryError::Stopped);
        }
        Ok(())
    }
}
