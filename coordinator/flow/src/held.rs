//! The project's lock, which one build holds at a time.

use std::time::Duration;

use impasto_project::{LockError, Project, ProjectLock, lock};
use tokio_util::sync::CancellationToken;

use crate::error::BuildError;
use crate::event::{Event, Observer};

/// What a build does where another one of the same project is running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Busy {
    /// It waits for the other's end.
    Wait,
    /// It ends with [`LockError::Held`].
    GiveUp,
}

/// How often a build looks whether another one of the same project has ended.
const LOCK_INTERVAL: Duration = Duration::from_millis(200);

/// The project's lock; none where the wait for it was canceled.
pub(crate) fn take_lock(
    project: &Project,
    busy: Busy,
    observer: &dyn Observer,
    cancel: &CancellationToken,
) -> Result<Option<ProjectLock>, BuildError> {
    let mut waited = false;
    loop {
        match lock(project) {
            Ok(held) => return Ok(Some(held)),
            Err(held @ LockError::Held { .. }) if busy == Busy::Wait => {
                if cancel.is_cancelled() {
                    return Ok(None);
                }
                if !waited {
                    let message = &format!("{held}; waiting for its end");
                    observer.event(Event::Warning { message });
                    waited = true;
                }
                std::thread::sleep(LOCK_INTERVAL);
            }
            Err(error) => return Err(error.into()),
        }
    }
}
