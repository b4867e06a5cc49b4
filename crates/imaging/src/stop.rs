//! Ending work that nobody waits for any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::ImagingError;

/// Asked between two stages (decode, compose, each variant): is the result still wanted?
///
/// [`crate::Pool`] hands one to the work it runs and sets it when the caller has gone. Nothing is
/// ended in the middle of a stage, so a stage's length bounds how late the answer can be.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    is_set: Arc<AtomicBool>,
}

impl Stop {
    /// Asks the work to end. Cannot be taken back.
    pub fn set(&self) {
        self.is_set.store(true, Ordering::Relaxed);
    }

    /// Whether the work is to end.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Relaxed)
    }

    /// For `?` between two stages.
    ///
    /// # Errors
    ///
    /// [`ImagingError::Stopped`] if the work is to end.
    pub fn check(&self) -> Result<(), ImagingError> {
        match self.is_set() {
            true => Err(ImagingError::Stopped),
            false => Ok(()),
        }
    }
}

/// Sets a [`Stop`] when it is dropped.
pub(crate) struct StopOnDrop(pub(crate) Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.set();
    }
}
