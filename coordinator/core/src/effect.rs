//! What the driver is to do: replies, orders and news. Any of them may be lost.

use impasto_types::{Attempt, JobId, LeaseId, TaskIndex, TaskResult, WorkerId, WorkerName};
use serde::{Deserialize, Serialize};

use crate::{Millis, Progress, RequestId};

/// A reply, an order to a worker, or news for those who watch a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// The job that a submission is now, and whether it was known before.
    Submitted {
        request: RequestId,
        job: JobId,
        known: bool,
    },
    /// A cancel or retry took effect (or there was nothing left to change).
    Changed {
        request: RequestId,
        job: JobId,
    },
    NoSuchJob {
        request: RequestId,
        job: JobId,
    },
    /// The worker is registered; it goes on with those of its held leases that are not in `stale`,
    /// and drops these.
    Welcome {
        worker: WorkerId,
        stale: Vec<LeaseId>,
    },
    /// The worker is to begin this.
    Grant {
        worker: WorkerId,
        lease: LeaseId,
    },
    /// The worker is to stop this: its job was canceled or the lease is no longer its own.
    Revoke {
        worker: WorkerId,
        lease: LeaseId,
    },
    /// The worker may forget its report.
    Acknowledge {
        worker: WorkerId,
        lease: LeaseId,
    },
    /// The connection is to be closed: it was replaced by a newer one of the same name, or went
    /// silent.
    Dismiss {
        worker: WorkerId,
    },
    /// A succeeded task's result goes into the action cache.
    Remember {
        action: impasto_types::Digest,
        result: TaskResult,
    },
    /// Something about a task changed.
    Task {
        job: JobId,
        task: TaskIndex,
        event: TaskEvent,
    },
    /// The job's state changed; in particular it reached its end, or left it (a retry).
    Job {
        summary: JobSummary,
    },
}

/// A task's state, as those who watch see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum TaskEvent {
    Ready { attempts: Attempt, not_before: Millis, message: String },
    Leased { worker: WorkerName, attempt: Attempt },
    Progress(Progress),
    Succeeded { result: TaskResult, worker: Option<WorkerName>, attempts: Attempt },
    Failed { message: String, attempts: Attempt },
    Canceled,
}

/// One task as it stands: `event` is the news that would lead here (`Progress` never stands alone;
/// see `progress`).
#[derive(Debug, Clone, PartialEq)]
pub struct TaskView {
    pub task: TaskIndex,
    pub event: TaskEvent,
    pub progress: Option<Progress>,
}

/// A job as lists show it.
#[derive(Debug, Clone, PartialEq)]
pub struct JobSummary {
    pub job: JobId,
    pub key: String,
    pub project: String,
    pub priority: i32,
    pub state: crate::JobState,
    pub submitted_at: Millis,
    pub ended_at: Option<Millis>,
    pub ready: u32,
    pub leased: u32,
    pub succeeded: u32,
    pub failed: u32,
    pub canceled: u32,
}

/// A job with its tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct JobView {
    pub summary: JobSummary,
    pub spec: impasto_types::Digest,
    pub tasks: Vec<TaskView>,
}
