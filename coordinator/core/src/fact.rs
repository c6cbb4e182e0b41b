//! Facts: durable changes, replayed on restart.

use impasto_types::{BlobRef, FailureKind, JobId, LeaseId, TaskIndex, TaskResult, WorkerName};
use serde::{Deserialize, Serialize};

use crate::{Millis, Submission};

/// A change that must survive a restart. Replaying all facts in order gives the same jobs and
/// tasks; so does a [`Snapshot`](crate::Snapshot) followed by the facts since.
///
/// Facts are stored as JSON and read by every later version: a new field is an `Option` or has
/// `#[serde(default)]`, and readers ignore unknown fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "kebab-case")]
pub enum Fact {
    /// Tasks with a cached result succeed by this fact, without one of their own.
    JobSubmitted {
        job: JobId,
        at: Millis,
        submission: Submission,
    },
    /// Waiting tasks are canceled by this fact, without one of their own.
    JobCanceled {
        job: JobId,
        at: Millis,
    },
    /// Failed and canceled tasks wait again, with fresh attempts.
    JobRetried {
        job: JobId,
        at: Millis,
    },
    /// An ended job is forgotten. Its number is not reused.
    JobForgotten {
        job: JobId,
        at: Millis,
    },
    TaskLeased {
        lease: LeaseId,
        worker: WorkerName,
        at: Millis,
    },
    /// `worker` is `None` if the result came from another task with the same action.
    TaskSucceeded {
        job: JobId,
        task: TaskIndex,
        at: Millis,
        worker: Option<WorkerName>,
        result: TaskResult,
    },
    /// The attempt ended without a result. The task returns to the queue at `not_before`, or is
    /// canceled if its job is canceling. `kind` is `None` if the worker reported no failure: it was
    /// lost, or returned the lease. `counted` says whether this used up one of the task's attempts.
    AttemptEnded {
        lease: LeaseId,
        at: Millis,
        worker: WorkerName,
        kind: Option<FailureKind>,
        message: String,
        counted: bool,
        not_before: Millis,
        /// Where the next attempt can resume, if the worker saved it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        checkpoint: Option<BlobRef>,
    },
    /// The task has failed for good. If it was leased, this ends the lease too.
    TaskFailed {
        job: JobId,
        task: TaskIndex,
        at: Millis,
        message: String,
    },
}

impl Fact {
    /// The job that the fact belongs to.
    pub fn job(&self) -> JobId {
        match self {
            Self::JobSubmitted { job, .. }
            | Self::JobCanceled { job, .. }
            | Self::JobRetried { job, .. }
            | Self::JobForgotten { job, .. } => *job,
            Self::TaskSucceeded { job, .. } | Self::TaskFailed { job, .. } => *job,
            Self::TaskLeased { lease, .. } | Self::AttemptEnded { lease, .. } => lease.job,
        }
    }
}
