//! Leases: what a coordinator orders, and what comes back.

use serde::{Deserialize, Serialize};

use crate::{BlobRef, Digest, Epoch, FailureKind, LeaseId, Part, TaskResult, WorkerName};

/// How far an attempt has come.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Steps done, over all scales, and in all.
    pub iteration: u32,
    pub iterations: u32,
    /// Finite; `None` where the method has no loss.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub loss: Option<f64>,
    /// The worker's estimate of the milliseconds until the end.
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
    /// The worker stopped it: it was revoked, or the worker is shutting down. It uses up no
    /// attempt.
    Returned {
        /// How far it came, for the next attempt to go on from; `None` where nothing was done yet
        /// or it is not worth keeping.
        checkpoint: Option<BlobRef>,
    },
}

/// What a coordinator tells a connected worker. `Task` is how the granted task is given: by name
/// inside the coordinator, in full on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order<Task> {
    /// The first order of a connection.
    Welcome {
        epoch: Epoch,
        /// How often the worker has to send a heartbeat, in milliseconds.
        heartbeat_ms: u64,
        /// What the farm calls this worker: the name it asked for, with a suffix where another
        /// process has that one. It asks for this name when it connects again.
        name: WorkerName,
        /// Held leases that are no longer the worker's: it drops them.
        stale: Vec<LeaseId>,
    },
    /// Begin this.
    Grant(Grant<Task>),
    /// Stop this: its job was canceled, or the lease is no longer the worker's.
    Revoke { lease: LeaseId },
    /// Forget the report.
    Acknowledge { lease: LeaseId },
    /// Finish what is leased and take nothing new.
    Drain,
}

/// A lease with all that an attempt needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant<Task> {
    pub lease: LeaseId,
    pub task: Task,
    /// What became of the inputs that are other tasks' outputs.
    pub resolved: Vec<Resolved>,
    /// Where an earlier attempt stopped. One that does not fit is of no use, and no fault.
    pub checkpoint: Option<BlobRef>,
}

impl<Task> Grant<Task> {
    /// The same grant, with its task given otherwise.
    pub fn with<Other>(self, task: Other) -> Grant<Other> {
        let Self { lease, task: _, resolved, checkpoint } = self;
        Grant { lease, task, resolved, checkpoint }
    }
}

/// An output of another task, which is there by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    /// The action that made it.
    pub action: Digest,
    pub output: Part,
    pub blob: BlobRef,
}
