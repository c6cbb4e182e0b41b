//! All causes of change.

use std::collections::BTreeSet;

use impasto_types::{
    DeviceHealth, DeviceInfo, Digest, FailureKind, JobId, LeaseId, TaskResult, WorkerId, WorkerName,
};
use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, as the driver's clock has them.
pub type Millis = u64;

/// Names a request that waits for a reply; the driver makes them up.
pub type RequestId = u64;

/// Everything that can happen to the core.
#[derive(Debug, Clone)]
pub enum Input {
    /// A client hands in a job. Replied to with `Effect::Submitted`, also when the key is already
    /// known.
    Submit { request: RequestId, submission: Submission },
    /// A client gives a job up. Replied to with `Effect::Changed` or `Effect::NoSuchJob`.
    Cancel { request: RequestId, job: JobId },
    /// A client wants a job's failed and canceled tasks tried again, with fresh attempts.
    Retry { request: RequestId, job: JobId },
    /// A worker has connected. Replied to with `Effect::Welcome`; an older connection of the same
    /// name is taken for gone.
    Connect {
        worker: WorkerId,
        name: WorkerName,
        capabilities: Capabilities,
        /// What it still works on, or owes a report for.
        held: Vec<HeldLease>,
    },
    /// A worker's connection ended.
    Disconnect { worker: WorkerId },
    /// A worker can take this many more tasks than it was given: an absolute number, so that a lost
    /// message does no harm.
    Credits { worker: WorkerId, free_slots: u32 },
    /// A worker still works on a lease.
    Heartbeat { worker: WorkerId, lease: LeaseId, progress: Option<Progress> },
    /// How a worker's devices fare, in the order of its capabilities. Only shown.
    Health { worker: WorkerId, devices: Vec<DeviceHealth> },
    /// A worker has ended a lease. Replied to with `Effect::Acknowledge`, whether it changed
    /// anything or not.
    Report { worker: WorkerId, lease: LeaseId, outcome: LeaseOutcome },
    /// A worker takes no more work: it asked for it, or an operator did. Its leases run on.
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
    /// The engine version that the action is for; only workers that run it are given the task.
    pub engine_version: u32,
    /// The most memory an attempt takes, in bytes.
    pub memory_bytes: u64,
    /// Pixels times optimiser steps.
    pub work: u64,
    /// Blobs that the task reads; a worker that holds them is preferred.
    pub inputs: Vec<Digest>,
    /// A result that the action cache already has: the task succeeds without an attempt.
    pub cached: Option<TaskResult>,
}

/// What a worker can do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Capabilities {
    /// How many tasks it runs at once.
    pub slots: u32,
    /// Memory for tasks, over all slots, in bytes.
    pub memory_bytes: u64,
    /// What it paints on, where it tells: a task gets the memory of one of them.
    pub devices: Vec<DeviceInfo>,
    /// The engine version that it runs; it is only given tasks of this version.
    pub engine_version: u32,
    /// Such as `cpu avx512`, to show.
    pub device: String,
    /// Blobs that it already holds, a bounded sample of the newest.
    pub blobs: BTreeSet<Digest>,
}

impl Capabilities {
    /// The most memory that one task gets.
    pub fn task_memory_bytes(&self) -> u64 {
        let largest = self.devices.iter().map(|device| device.memory_bytes).max();
        largest.map_or(self.memory_bytes, |largest| largest.min(self.memory_bytes))
    }
}

/// A lease that a worker still works on, or holds an unacknowledged report for, when it connects
/// again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldLease {
    pub lease: LeaseId,
}

/// How far an attempt has come.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Optimiser steps done, over all scales, and in all.
    pub iteration: u32,
    pub iterations: u32,
    pub loss: f64,
    /// Milliseconds until the end, as the worker reckons.
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
    Returned,
}
