//! Tells an attempt to stop, and whether to keep a checkpoint.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use impasto_painter::{Interrupt, Stop};
use tokio_util::sync::CancellationToken;

/// Shared between an attempt and the code that may stop it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cancel {
    token: CancellationToken,
    discard: Arc<AtomicBool>,
    /// Ends the step that is being painted.
    interrupt: Arc<Mutex<Interrupt>>,
}

impl Cancel {
    /// Stops the attempt, a step that is being painted included. A request to discard cannot be
    /// changed into one to save.
    pub(crate) fn stop(&self, stop: Stop) {
        if stop == Stop::Cancel {
            self.discard.store(true, Ordering::Relaxed);
        }
        self.token.cancel();
        self.interrupt.lock().unwrap_or_else(PoisonError::into_inner).ask();
    }

    /// Lets a stop end the steps of a run, also one that was requested before.
    pub(crate) fn covers(&self, interrupt: Interrupt) {
        let mut current = self.interrupt.lock().unwrap_or_else(PoisonError::into_inner);
        *current = interrupt;
        if self.asked().is_some() {
            current.ask();
        }
    }

    /// How to stop, if a stop was requested.
    pub(crate) fn asked(&self) -> Option<Stop> {
        let discard = self.discard.load(Ordering::Relaxed);
        self.token.is_cancelled().then_some(if discard { Stop::Cancel } else { Stop::Save })
    }

    /// The output of `future`, or `None` if the attempt is stopped first.
    pub(crate) async fn unless_stopped<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        self.token.run_until_cancelled(future).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_discarded_attempt_is_not_saved_later() {
        let cancel = Cancel::default();
        assert_eq!(cancel.asked(), None);
        cancel.stop(Stop::Save);
        assert_eq!(cancel.asked(), Some(Stop::Save));
        cancel.stop(Stop::Cancel);
        cancel.stop(Stop::Save);
        assert_eq!(cancel.asked(), Some(Stop::Cancel));
    }

    #[test]
    fn a_stop_interrupts_the_run_and_those_that_begin_later() {
        let (cancel, first, second) =
            (Cancel::default(), Interrupt::default(), Interrupt::default());
        cancel.covers(first.clone());
        assert!(first.check().is_ok());
        cancel.stop(Stop::Save);
        assert!(first.check().is_err());
        cancel.covers(second.clone());
        assert!(second.check().is_err());
    }
}
