//! Takes the project's lock, which one build holds at a time.

use std::time::Duration;

use impasto_project::{LockError, Project, ProjectLock, lock};
use tokio_util::sync::CancellationToken;

use crate::error::BuildError;
use crate::event::{Event, Observer};

/// What a build does if another build of the project is running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Busy {
    /// Wait until the other build ends.
    Wait,
    /// End with [`LockError::Held`].
    GiveUp,
}

/// How often a waiting build tries to take the lock.
const LOCK_INTERVAL: Duration = Duration::from_millis(200);

/// Takes the project's lock; `None` if the wait was canceled.
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
                    let message = &format!("{held}; waiting for it to end");
                    observer.event(Event::Warning { message });
                    waited = true;
                }
                std::thread::sleep(LOCK_INTERVAL);
            }
            Err(error) => return Err(error.into()),
        }
    }
}
