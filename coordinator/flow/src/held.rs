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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;
    use crate::test_project::TestProject;

    /// Sends the text of each warning to the test.
    struct Warnings(mpsc::Sender<String>);

    impl Observer for Warnings {
        fn event(&self, event: Event<'_>) {
            if let Event::Warning { message } = event {
                self.0.send(message.to_owned()).expect("the test listens");
            }
        }
    }

    #[test]
    fn a_second_build_waits_for_the_first_unless_it_is_canceled() {
        let test = TestProject::new(&["a.png"]);
        let project = test.open();
        for canceled in [false, true] {
            let first = lock(&project).expect("it is free");
            let (warnings, heard) = mpsc::channel();
            let (observer, cancel) = (Warnings(warnings), CancellationToken::new());
            thread::scope(|scope| {
                let second = scope.spawn(|| take_lock(&project, Busy::Wait, &observer, &cancel));
                let warning = heard.recv().expect("it waits");
                assert!(warning.ends_with("; waiting for it to end"), "{warning}");
                let mut first = Some(first);
                if canceled {
                    cancel.cancel();
                } else {
                    first.take();
                }
                let held = second.join().expect("no panic").expect("it ends well");
                assert_eq!(held.is_none(), canceled);
                assert!(heard.try_recv().is_err(), "it warns once");
            });
        }
    }
}
