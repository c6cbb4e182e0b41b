//! How a step is ended before it is done.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::EngineError;

/// Asks a run to leave a step that it is in the middle of. A step of a large picture takes minutes,
/// and whoever cancels one waits for it; a run looks here between any two tiles.
///
/// Clones are the same request. It cannot be taken back.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Asks, from any thread.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// # Errors
    /// [`EngineError::Interrupted`] once it was asked.
    pub fn check(&self) -> Result<(), EngineError> {
        if self.0.load(Ordering::Relaxed) { Err(EngineError::Interrupted) } else { Ok(()) }
    }
}
