//! Leases: a coordinator's orders, and the outcomes that workers report.

use serde::{Deserialize, Serialize};

use crate::{BlobRef, Digest, Epoch, FailureKind, LeaseId, Part, TaskResult, WorkerName};

/// The progress of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Steps done, over all scales, and in all.
    pub iteration: u32,
    pub iterations: u32,
    /// Finite; `None` if the method has no loss.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub loss: Option<f64>,
    /// The worker's estimate of the time left, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub left_ms: Option<u64>,
}

/// How a lease ended on the worker.
#[derive(Debug, Clone, PartialEq)]
pub enum LeaseOutcome {
    Succeeded(TaskResult),
    Failed {
        kind: FailureKind,
        message: String,
    },
    /// The coordinator lacks blobs that the task reads. The attempt is not counted; the task waits
    /// until a client has sent them again.
    Starved {
        missing: Vec<BlobRef>,
    },
    /// The worker stopped it: it was revoked, or the worker is shutting down. The attempt is not
    /// counted.
    Returned {
        /// The state to resume from; `None` if nothing was done yet or it is not worth keeping.
        checkpoint: Option<BlobRef>,
    },
}

/// A coordinator's message to a connected worker. `Task` is the granted task: an id inside the
/// coordinator, the whole task on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order<Task> {
    /// The first order of a connection.
    Welcome {
        epoch: Epoch,
        /// The heartbeat interval in milliseconds.
        heartbeat_ms: u64,
        /// The worker's name on the farm: the one it asked for, with a suffix if another process
        /// has it. When reconnecting, it asks for this name.
        name: WorkerName,
        /// Leases that the worker holds but has lost: it drops them.
        stale: Vec<LeaseId>,
    },
    /// Begin this task.
    Grant(Grant<Task>),
    /// Stop this attempt: its job was canceled, or the lease is stale.
    Revoke { lease: LeaseId },
    /// Forget the report.
    Acknowledge { lease: LeaseId },
    /// Finish all leases and take no new ones.
    Drain,
}

/// A lease with everything that an attempt needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant<Task> {
    pub lease: LeaseId,
    pub task: Task,
    /// The blobs of inputs that are other tasks' outputs.
    pub resolved: Vec<Resolved>,
    /// The checkpoint of an earlier attempt. The worker may ignore it.
    pub checkpoint: Option<BlobRef>,
}

impl<Task> Grant<Task> {
    /// The same grant, with another representation of its task.
    pub fn with<Other>(self, task: Other) -> Grant<Other> {
        let Self { lease, task: _, resolved, checkpoint } = self;
        Grant { lease, task, resolved, checkpoint }
    }
}

/// An output of another task, which now exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    /// The action that made it.
    pub action: Digest,
    pub output: Part,
    pub blob: BlobRef,
}
