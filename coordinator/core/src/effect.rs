//! What the driver is to do: replies, orders and news. Any of them may be lost.

use impasto_types::{Digest, JobId, JobSummary, Order, TaskEvent, TaskIndex, TaskResult, WorkerId};

use crate::RequestId;

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
    /// A message for a worker. A granted task is named by the blob that holds its job's task specs.
    Order {
        worker: WorkerId,
        order: Order<Digest>,
    },
    /// The connection is to be closed: it was replaced by a newer one of the same name, or went
    /// silent.
    Dismiss {
        worker: WorkerId,
    },
    /// A succeeded task's result goes into the action cache.
    Remember {
        action: Digest,
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

/// One task as it stands: `event` is the news that would lead here.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskView {
    pub task: TaskIndex,
    pub event: TaskEvent,
}

/// A job with its tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct JobView {
    pub summary: JobSummary,
    /// The blob that holds its task specs.
    pub spec: Digest,
    pub tasks: Vec<TaskView>,
}
