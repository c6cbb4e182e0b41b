//! Waiting for a farm that does not answer.

use std::time::Duration;

use impasto_types::{Backoff, Retries, error_text};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::BuildError;
use crate::event::{Event, Observer};
use crate::farm::FarmError;

/// What a build that loses its farm does with the rest, which decides how long it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfLost {
    /// It is painted elsewhere.
    PaintElsewhere,
    /// It is not painted.
    Fail,
}

/// Before the farm has answered anything, nothing of this build is there that would be lost.
pub(crate) const UNANSWERED: Duration = Duration::from_secs(5);

/// Long enough to restart a coordinator, or to start it on another machine of a cluster.
const ELSEWHERE: Duration = Duration::from_secs(60);

/// Long enough for an operator to notice and to restart or move a coordinator, short enough that a
/// CI job ends by itself.
const NOWHERE_ELSE: Duration = Duration::from_secs(5 * 60);

impl IfLost {
    /// How long to wait for a farm that has work of this build.
    pub(crate) fn patience(self) -> Duration {
        match self {
            Self::PaintElsewhere => ELSEWHERE,
            Self::Fail => NOWHERE_ELSE,
        }
    }
}

const BACKOFF: Backoff = Backoff { first_ms: 250, longest_ms: 5_000 };

/// Retries while the farm does not answer, up to a limit.
pub(crate) struct Patience<'a> {
    limit: Duration,
    observer: &'a dyn Observer,
    cancel: &'a CancellationToken,
    since: Option<Instant>,
    retries: Retries,
}

impl<'a> Patience<'a> {
    pub(crate) fn new(
        limit: Duration,
        observer: &'a dyn Observer,
        cancel: &'a CancellationToken,
    ) -> Self {
        Self { limit, observer, cancel, since: None, retries: Retries::new(BACKOFF) }
    }

    /// The farm has answered: resets the wait.
    pub(crate) fn answered(&mut self) {
        if self.since.take().is_some() {
            self.observer.event(Event::Reconnected);
        }
        self.retries.reset();
    }

    /// Waits before the next attempt, with delays that double. `silent_since` is when the first
    /// call without an answer was made.
    ///
    /// # Errors
    /// `error` itself, if a retry cannot help, the farm has not answered for too long, or the build
    /// was canceled.
    pub(crate) async fn wait(
        &mut self,
        error: FarmError,
        silent_since: Instant,
    ) -> Result<(), FarmError> {
        if !error.is_away() {
            return Err(error);
        }
        let since = self.since.unwrap_or(silent_since);
        let left = self.limit.saturating_sub(since.elapsed());
        if left.is_zero() {
            return Err(error);
        }
        if self.since.is_none() {
            let reason = error_text(&error);
            let patience_s = left.as_secs_f64().ceil() as u64;
            self.observer.event(Event::Disconnected { reason: &reason, patience_s });
            self.since = Some(since);
        }
        // No jitter: there is only one client.
        let delay = self.retries.next(1.0);
        match self.cancel.run_until_cancelled(tokio::time::sleep(delay)).await {
            Some(()) => Ok(()),
            None => Err(error),
        }
    }
}

/// Repeats `work` while the farm does not answer, up to `limit`.
pub(crate) async fn patiently<T>(
    limit: Duration,
    observer: &dyn Observer,
    cancel: &CancellationToken,
    mut work: impl AsyncFnMut() -> Result<T, BuildError>,
) -> Result<T, BuildError> {
    let mut patience = Patience::new(limit, observer, cancel);
    loop {
        let began = Instant::now();
        match work().await {
            Err(BuildError::Farm(error)) => patience.wait(error, began).await?,
            other => {
                patience.answered();
                return other;
            }
        }
    }
}
