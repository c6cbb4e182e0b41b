//! Waiting for a farm that does not answer.

use std::time::{Duration, Instant};

use impasto_types::{Backoff, Retries, error_text};
use tokio_util::sync::CancellationToken;

use crate::error::BuildError;
use crate::event::{Event, Observer};
use crate::farm::FarmError;

/// Long enough for an operator to restart or move a coordinator, short enough that a CI job ends by
/// itself.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

const BACKOFF: Backoff = Backoff { first_ms: 250, longest_ms: 5_000 };

/// Retries while the farm does not answer, up to [`PATIENCE`].
pub(crate) struct Patience<'a> {
    observer: &'a dyn Observer,
    cancel: &'a CancellationToken,
    since: Option<Instant>,
    retries: Retries,
}

impl<'a> Patience<'a> {
    pub(crate) fn new(observer: &'a dyn Observer, cancel: &'a CancellationToken) -> Self {
        Self { observer, cancel, since: None, retries: Retries::new(BACKOFF) }
    }

    /// The farm has answered: resets the wait.
    pub(crate) fn answered(&mut self) {
        if self.since.take().is_some() {
            self.observer.event(Event::Reconnected);
        }
        self.retries.reset();
    }

    /// Waits before the next attempt, with delays that double.
    ///
    /// # Errors
    /// `error` itself, if a retry cannot help, the farm has not answered for too long, or the build
    /// was canceled.
    pub(crate) async fn wait(&mut self, error: FarmError) -> Result<(), FarmError> {
        if !error.is_away() {
            return Err(error);
        }
        let since = *self.since.get_or_insert_with(|| {
            let reason = error_text(&error);
            self.observer
                .event(Event::Disconnected { reason: &reason, patience_s: PATIENCE.as_secs() });
            Instant::now()
        });
        if since.elapsed() >= PATIENCE {
            return Err(error);
        }
        // No jitter: there is only one client.
        let delay = self.retries.next(1.0);
        match self.cancel.run_until_cancelled(tokio::time::sleep(delay)).await {
            Some(()) => Ok(()),
            None => Err(error),
        }
    }
}

/// Repeats `work` while the farm does not answer.
pub(crate) async fn patiently<T>(
    observer: &dyn Observer,
    cancel: &CancellationToken,
    mut work: impl AsyncFnMut() -> Result<T, BuildError>,
) -> Result<T, BuildError> {
    let mut patience = Patience::new(observer, cancel);
    loop {
        match work().await {
            Err(BuildError::Farm(error)) => patience.wait(error).await?,
            other => {
                patience.answered();
                return other;
            }
        }
    }
}
