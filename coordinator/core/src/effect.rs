//! What the driver has to do: send replies, orders and events. Each of them may be lost.

use impasto_types::{
    Digest, JobId, JobSummary, Order, TaskEvent, TaskIndex, TaskResult, WorkerId, WorkerName,
};

use crate::{Millis, RequestId};

/// A reply, an order to a worker, a result for the cache, or an event for a job's watchers.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// The job of a submission, and whether its key was known before.
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
    /// A message for a worker. A grant names its task by the blob that holds the job's task specs.
    Order {
        worker: WorkerId,
        order: Order<Digest>,
    },
    /// Close this connection: it was replaced by a newer one of the same name, or went silent.
    Dismiss {
        worker: WorkerId,
    },
    /// A worker failed several attempts in a row, and gets no tasks until then.
    Benched {
        worker: WorkerName,
        failures: u32,
        until: Millis,
        reason: String,
    },
    /// Put a succeeded task's result into the action cache.
    Remember {
        action: Digest,
        result: TaskResult,
    },
    /// A task changed or made progress.
    Task {
        job: JobId,
        task: TaskIndex,
        event: TaskEvent,
    },
    /// The job's state changed; for example it ended, or a retry reopened it.
    Job {
        summary: JobSummary,
    },
}

/// A task's current state, as the last event that a watcher would have seen.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskView {
    pub task: TaskIndex,
    pub event: TaskEvent,
}

/// A job with its tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct JobView {
    pub summary: JobSummary,
    /// The blob that holds the job's task specs.
    pub spec: Digest,
    pub tasks: Vec<TaskView>,
}
