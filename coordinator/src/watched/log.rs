//! Logs the builds of watched projects.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use impasto_build::{Event, Observer};

/// Logs the events of one project's builds. The project's thread logs their outcomes.
#[derive(Debug)]
pub(super) struct Log {
    project: String,
    /// The warnings so far, since most are repeated by every build.
    warned: Mutex<BTreeSet<String>>,
}

impl Log {
    pub(super) fn new(project: &str) -> Self {
        Self { project: project.to_owned(), warned: Mutex::default() }
    }

    pub(super) fn project(&self) -> &str {
        &self.project
    }
}

impl Observer for Log {
    fn event(&self, event: Event<'_>) {
        let project = self.project();
        match event {
            Event::Warning { message } => {
                let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
                if warned.insert(message.to_owned()) {
                    tracing::warn!(project, "{message}");
                }
            }
            Event::Submitted { job, attached, tasks } => {
                tracing::debug!(project, job = job.0, attached, tasks, "submitted");
            }
            Event::Delivered { target, changed, .. } => {
                tracing::debug!(project, output = %target.output, changed, "delivered");
            }
            Event::Copied { output, changed, .. } => {
                tracing::debug!(project, %output, changed, "copied");
            }
            Event::Waiting { target, attempts, message } => {
                tracing::debug!(project, output = %target.output, attempts, message, "waiting");
            }
            Event::Planned { .. }
            | Event::Model { .. }
            | Event::FellBack { .. }
            | Event::Farm { .. }
            | Event::Uploading { .. }
            | Event::Started { .. }
            | Event::Progress { .. }
            | Event::Failed { .. }
            | Event::Disconnected { .. }
            | Event::Reconnected
            | Event::Canceling => {}
        }
    }
}
