//! Waiting for a coordinator that went away.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::{Event, Observer};
use crate::failure::one_line;
use crate::farm::FarmError;

/// Long enough for a coordinator to be restarted or moved by an operator, short enough that a CI
/// job ends by itself.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
const FIRST_DELAY: Duration = Duration::from_millis(250);
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// How long a build has been without its coordinator.
pub(crate) struct Patience<'a> {
    observer: &'a dyn Observer,
    cancel: &'a CancellationToken,
    since: Option<Instant>,
    delay: Duration,
}

impl<'a> Patience<'a> {
    pub(crate) fn new(observer: &'a dyn Observer, cancel: &'a CancellationToken) -> Self {
        Self { observer, cancel, since: None, delay: FIRST_DELAY }
    }

    /// The coordinator answers.
    pub(crate) fn answered(&mut self) {
        if self.since.take().is_some() {
            self.observer.event(Event::Reconnected);
        }
        self.delay = FIRST_DELAY;
    }

    /// Waits before the next attempt, with delays that double.
    ///
    /// # Errors
    /// `error` itself, where it is not one that passes, or has lasted too long, or nobody wants to
    /// wait any more.
    pub(crate) async fn wait(&mut self, error: FarmError) -> Result<(), FarmError> {
        if !error.is_away() {
            return Err(error);
        }
        let since = *self.since.get_or_insert_with(|| {
            let reason = one_line(&error.to_string());
            self.observer
                .event(Event::Disconnected { reason: &reason, patience_s: PATIENCE.as_secs() });
            Instant::now()
        });
        if since.elapsed() >= PATIENCE {
            return Err(error);
        }
        let delay = self.delay;
        self.delay = (delay * 2).min(LONGEST_DELAY);
        match self.cancel.run_until_cancelled(tokio::time::sleep(delay)).await {
            Some(()) => Ok(()),
            None => Err(error),
        }
    }
}
