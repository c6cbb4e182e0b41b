//! A job, as lists show it.

use std::fmt;

use impasto_proto::{FieldError, v1};
use impasto_types::JobId;
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Job {
    pub job: JobId,
    #[serde(skip)]
    pub key: String,
    pub project: String,
    pub state: JobState,
    pub priority: i32,
    /// Milliseconds since the Unix epoch, by the coordinator's clock.
    pub submitted_at_ms: u64,
    pub ended_at_ms: Option<u64>,
    pub ready: u32,
    pub leased: u32,
    pub succeeded: u32,
    pub failed: u32,
    pub canceled: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    Queued,
    Running,
    Canceling,
    Succeeded,
    Failed,
    Canceled,
}

impl JobState {
    const ALL: [Self; 6] = [
        Self::Queued,
        Self::Running,
        Self::Canceling,
        Self::Succeeded,
        Self::Failed,
        Self::Canceled,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Canceling => "canceling",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    pub fn has_ended(self) -> bool {
        match self {
            Self::Queued | Self::Running | Self::Canceling => false,
            Self::Succeeded | Self::Failed | Self::Canceled => true,
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Job {
    pub fn tasks(&self) -> u32 {
        [self.ready, self.leased, self.succeeded, self.failed, self.canceled]
            .into_iter()
            .fold(0, u32::saturating_add)
    }

    pub(super) fn from_proto(message: v1::JobSummary) -> Result<Self, FieldError> {
        let state = JobState::ALL.into_iter().find(|state| state.as_str() == message.state);
        Ok(Self {
            job: JobId(message.job),
            key: message.key,
            project: printable(message.project),
            state: state.ok_or_else(|| {
                FieldError::malformed("state", &message.state, "there is no such state")
            })?,
            priority: message.priority,
            submitted_at_ms: message.submitted_at_ms,
            ended_at_ms: message.ended_at_ms,
            ready: message.ready,
            leased: message.leased,
            succeeded: message.succeeded,
            failed: message.failed,
            canceled: message.canceled,
        })
    }
}

/// A text from afar without what could steer a terminal.
pub(super) fn printable(text: String) -> String {
    if text.contains(char::is_control) {
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_are_checked() {
        let message = v1::JobSummary {
            job: 7,
            project: "a\u{1b}[2Jb".to_owned(),
            state: "running".to_owned(),
            ready: 2,
            failed: 1,
            ..Default::default()
        };
        let job = Job::from_proto(message.clone()).expect("it is a summary");
        assert_eq!(
            (job.state, job.tasks(), job.project.as_str()),
            (JobState::Running, 3, "a [2Jb")
        );
        let unknown = v1::JobSummary { state: "lost".to_owned(), ..message };
        assert_eq!(
            Job::from_proto(unknown).map_err(|error| error.to_string()),
            Err("state is `lost`: there is no such state".to_owned())
        );
    }
}
