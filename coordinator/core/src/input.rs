//! All causes of change.

use impasto_types::{
    DeviceHealth, Digest, Hello, JobId, LeaseId, LeaseOutcome, MethodVersion, Progress, TaskIndex,
    TaskResult, WorkerId,
};
use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, as the driver's clock has them.
pub type Millis = u64;

/// Names a request that waits for a reply; the driver makes them up.
pub type RequestId = u64;

/// Everything that can happen to the core.
#[derive(Debug, Clone)]
pub enum Input {
    /// A client hands in a job, which has passed [`Submission::check`]. Replied to with
    /// `Effect::Submitted`, also when the key is already known.
    Submit { request: RequestId, submission: Submission },
    /// A client gives a job up. Replied to with `Effect::Changed` or `Effect::NoSuchJob`.
    Cancel { request: RequestId, job: JobId },
    /// A client wants a job's failed and canceled tasks tried again, with fresh attempts.
    Retry { request: RequestId, job: JobId },
    /// A worker has connected. Replied to with `Order::Welcome`, which says by what name; an older
    /// connection of the same process is taken for gone.
    Connect { worker: WorkerId, hello: Hello },
    /// A worker's connection ended.
    Disconnect { worker: WorkerId },
    /// A worker can take this many more tasks than it was given: an absolute number, so that a lost
    /// message does no harm.
    Credits { worker: WorkerId, free_slots: u32 },
    /// A worker still works on a lease.
    Heartbeat { worker: WorkerId, lease: LeaseId, progress: Option<Progress> },
    /// How a worker's devices fare, in the order of its capabilities. Only shown.
    Health { worker: WorkerId, devices: Vec<DeviceHealth> },
    /// A worker has ended a lease. Replied to with `Order::Acknowledge`, whether it changed
    /// anything or not.
    Report { worker: WorkerId, lease: LeaseId, outcome: LeaseOutcome },
    /// A worker takes no more work: it asked for it, or an operator did. It is told by
    /// `Order::Drain`, and its leases run on.
    Drain { worker: WorkerId },
    /// Nothing but time has passed.
    Tick,
}

/// A job as a client hands it in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Submission {
    /// Two submissions with the same key are one job.
    pub key: String,
    pub project: String,
    /// Higher goes first; 0 is usual.
    pub priority: i32,
    /// The blob that holds the job's task specs in full; the core only knows their needs.
    pub spec: Digest,
    pub tasks: Vec<Needs>,
}

/// What the scheduler has to know of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Needs {
    pub action: Digest,
    /// The method and the version that the action is for; only workers that run it are given the
    /// task.
    pub method: MethodVersion,
    /// The least memory that an attempt can run in, in bytes: so much of its worker's memory is
    /// booked for it.
    pub least_memory_bytes: u64,
    /// Pixels times optimiser steps.
    pub work: u64,
    /// Blobs that the task reads; a worker that holds them is preferred.
    pub inputs: Vec<Digest>,
    /// Tasks of the same job whose results it reads: it is blocked until they have succeeded. Each
    /// comes before it in the job, so there are no circles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<TaskIndex>,
    /// A result that the action cache already has: the task succeeds without an attempt.
    pub cached: Option<TaskResult>,
}

/// A job that makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubmissionError {
    #[error("a job has more than {max} tasks", max = u32::MAX)]
    TooManyTasks,
    #[error(
        "task {task} reads the result of task {after}, which does not come before it",
        task = .task.0,
        after = .after.0
    )]
    NotBefore { task: TaskIndex, after: TaskIndex },
}

impl Submission {
    /// Whether every task comes after those whose results it reads.
    ///
    /// # Errors
    /// Names the first task that does not.
    pub fn check(&self) -> Result<(), SubmissionError> {
        if u32::try_from(self.tasks.len()).is_err() {
            return Err(SubmissionError::TooManyTasks);
        }
        for (task, needs) in (0..).map(TaskIndex).zip(&self.tasks) {
            if let Some(after) = needs.after.iter().copied().find(|after| *after >= task) {
                return Err(SubmissionError::NotBefore { task, after });
            }
        }
        Ok(())
    }
}
