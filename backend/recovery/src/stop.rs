//! How work that takes long is told to stop.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::RecoveryError;

/// Shared by who works and who may want it to stop. Work looks often, and leaves nothing behind.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// From now on.
    pub fn now(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was told so.
    pub fn is_told(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn check(&self) -> Result<(), RecoveryError> {
        if self.is_told() {
            return Err(RecoveryError::Stopped);
        }
        Ok(())
    }
}
