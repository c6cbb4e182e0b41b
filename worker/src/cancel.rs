//! Tells an attempt to stop, and whether to keep a checkpoint.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use impasto_painter::Stop;
use tokio_util::sync::CancellationToken;

/// Shared between an attempt and the code that may stop it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cancel {
    token: CancellationToken,
    discard: Arc<AtomicBool>,
}

impl Cancel {
    /// Stops the attempt between two of its steps. A request to discard cannot be changed into one
    /// to save.
    pub(crate) fn stop(&self, stop: Stop) {
        if stop == Stop::Cancel {
            self.discard.store(true, Ordering::Relaxed);
        }
        self.token.cancel();
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
}
