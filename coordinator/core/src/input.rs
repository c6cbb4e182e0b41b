//! Inputs: everything that can change the core.

use impasto_types::{
    DeviceHealth, Digest, Hello, JobId, LeaseId, LeaseOutcome, MethodVersion, Progress, TaskIndex,
    TaskResult, WorkerId,
};
use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, by the driver's [`Timeline`](crate::Timeline).
pub type Millis = u64;

/// Identifies a request that waits for a reply; chosen by the driver.
pub type RequestId = u64;

/// Everything that can happen to the core.
#[derive(Debug, Clone)]
pub enum Input {
    /// A client submits a job, which has passed [`Submission::check`]. The reply is
    /// `Effect::Submitted`, even if the key is already known.
    Submit { request: RequestId, submission: Submission },
    /// A client cancels a job. The reply is `Effect::Changed` or `Effect::NoSuchJob`.
    Cancel { request: RequestId, job: JobId },
    /// A client retries a job's failed and canceled tasks, with fresh attempts. Replies as for
    /// `Cancel`.
    Retry { request: RequestId, job: JobId },
    /// A worker has connected. The reply is `Order::Welcome` with the worker's name; an older
    /// connection of the same process is closed.
    Connect { worker: WorkerId, hello: Hello },
    /// A worker's connection ended.
    Disconnect { worker: WorkerId },
    /// A worker can take this many tasks besides those that it holds: an absolute number, so a lost
    /// message does no harm.
    Credits { worker: WorkerId, free_slots: u32 },
    /// A worker still works on a lease.
    Heartbeat { worker: WorkerId, lease: LeaseId, progress: Option<Progress> },
    /// The state of a worker's devices, in the order of its capabilities. Only for display.
    Health { worker: WorkerId, devices: Vec<DeviceHealth> },
    /// A worker has ended a lease. The reply is `Order::Acknowledge`, even if the lease is stale.
    Report { worker: WorkerId, lease: LeaseId, outcome: LeaseOutcome },
    /// A grant was not sent, since the list of the job's tasks cannot be read.
    TaskListUnreadable { worker: WorkerId, lease: LeaseId, fault: ListFault, message: String },
    /// Grants never left the driver, since the connection ended before.
    NotSent { worker: WorkerId, leases: Vec<LeaseId> },
    /// A worker gets no more work, at its own request or an operator's. The reply is
    /// `Order::Drain`; its leases continue, unless they are to be returned `now`: then each is
    /// revoked, and other workers resume from its checkpoint.
    Drain { worker: WorkerId, now: bool },
    /// Only time has passed.
    Tick,
}

/// Why a job's task list cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListFault {
    /// It is gone or was changed: no retry can help, so the job fails.
    Damaged,
    /// The driver cannot read it now, for example for lack of descriptors: the job is tried again
    /// later.
    Unavailable,
}

/// A job as a client submits it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Submission {
    /// The idempotency key: two submissions with the same key are one job.
    pub key: String,
    pub project: String,
    /// Higher goes first; 0 is the default.
    pub priority: i32,
    /// The blob that holds the job's complete task specs; the core only knows their needs.
    pub spec: Digest,
    pub tasks: Vec<Needs>,
}

/// What the scheduler has to know about a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Needs {
    pub action: Digest,
    /// The action's method and version; only workers that support it get the task.
    pub method: MethodVersion,
    /// The least memory that an attempt can run in, in bytes. This much of its worker's memory is
    /// reserved.
    pub least_memory_bytes: u64,
    /// The estimated work, in pixels times optimiser steps.
    pub work: u64,
    /// Blobs that the task reads; a worker that holds them is preferred.
    pub inputs: Vec<Digest>,
    /// Tasks of the same job whose results it reads: it is blocked until they have succeeded. Each
    /// comes before it in the job, so there are no cycles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<TaskIndex>,
    /// The result from the action cache, if it has one: the task succeeds without an attempt.
    pub cached: Option<TaskResult>,
}

/// Why a job is invalid.
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
    /// Checks that every task comes after the tasks whose results it reads.
    ///
    /// # Errors
    /// The first task that does not.
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
