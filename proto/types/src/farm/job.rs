//! Jobs and their tasks, as lists and watchers see them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Attempt, BlobRef, JobId, Progress, TaskIndex, TaskResult, WorkerName};

/// The state of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// No task has been leased since it was submitted or retried.
    Queued,
    Running,
    /// Canceled, but workers still hold leases of its tasks.
    Canceling,
    /// Every task succeeded.
    Succeeded,
    /// Every task ended, and at least one failed.
    Failed,
    Canceled,
}

impl JobState {
    /// Its name on the wire, in JSON and in tables.
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

    /// Whether the job has ended; a retry can restart it.
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

/// A job without its tasks, for lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSummary {
    pub job: JobId,
    /// The idempotency key that it was submitted under.
    pub key: String,
    pub project: String,
    pub state: JobState,
    pub priority: i32,
    /// Milliseconds since the Unix epoch, by the coordinator's clock.
    pub submitted_at_ms: u64,
    pub ended_at_ms: Option<u64>,
    /// The number of tasks in each state.
    pub blocked: u32,
    pub ready: u32,
    pub leased: u32,
    pub succeeded: u32,
    pub failed: u32,
    pub canceled: u32,
}

impl JobSummary {
    /// The number of its tasks.
    pub fn tasks(&self) -> u32 {
        let ended = [self.succeeded, self.failed, self.canceled];
        let open = [self.blocked, self.ready, self.leased];
        open.into_iter().chain(ended).fold(0, u32::saturating_add)
    }
}

/// A change to a task. A task's present state is the event that leads to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum TaskEvent {
    /// The task waits for other tasks of its job, whose results it reads.
    Blocked,
    /// The task waits for a worker.
    Ready {
        /// The attempts so far.
        attempts: Attempt,
        /// The earliest time of the next attempt, in milliseconds since the Unix epoch; 0 if it may
        /// begin at once.
        not_before_ms: u64,
        /// Why it waits again; empty before the first attempt.
        message: String,
        /// Blobs that the task reads and that the coordinator lacks: clients send them again.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        missing: Vec<BlobRef>,
    },
    Leased {
        worker: WorkerName,
        attempt: Attempt,
        /// What the worker has reported so far; never present in the event of the grant itself.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        progress: Option<Progress>,
    },
    /// Progress of a leased task. Never a task's present state.
    Progress(Progress),
    Succeeded {
        result: TaskResult,
        /// `None` if the result came from the cache or from another task with the same action.
        worker: Option<WorkerName>,
        attempts: Attempt,
    },
    Failed {
        message: String,
        attempts: Attempt,
    },
    Canceled,
}

impl TaskEvent {
    /// Its name in JSON.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Ready { .. } => "ready",
            Self::Leased { .. } => "leased",
            Self::Progress(_) => "progress",
            Self::Succeeded { .. } => "succeeded",
            Self::Failed { .. } => "failed",
            Self::Canceled => "canceled",
        }
    }
}

/// Why some tasks of a job wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explained {
    /// The first of these tasks, and how many there are.
    pub first: TaskIndex,
    pub tasks: u32,
    pub reason: String,
}

/// What a watcher of a job receives: the present summary and state of every task,
/// [`JobNews::CaughtUp`], then each change until the job has ended.
#[derive(Debug, Clone, PartialEq)]
pub enum JobNews {
    Job(JobSummary),
    Task {
        task: TaskIndex,
        /// The asset's path, in the first news of a task only.
        asset: Option<String>,
        event: TaskEvent,
    },
    CaughtUp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_in_json() {
        let states = [
            JobState::Queued,
            JobState::Running,
            JobState::Canceling,
            JobState::Succeeded,
            JobState::Failed,
            JobState::Canceled,
        ];
        for state in states {
            assert_eq!(serde_json::to_value(state).expect("a word"), state.as_str());
        }
        let progress = Progress { iteration: 3, iterations: 9, loss: None, left_ms: None };
        let failed = TaskEvent::Failed { message: "no".to_owned(), attempts: Attempt(2) };
        for event in
            [TaskEvent::Blocked, TaskEvent::Canceled, TaskEvent::Progress(progress), failed]
        {
            let json = serde_json::to_value(&event).expect("an object");
            assert_eq!(json["state"], event.as_str());
            assert_eq!(serde_json::from_value::<TaskEvent>(json).expect("it parses"), event);
        }
    }
}
