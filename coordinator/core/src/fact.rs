//! What has happened: appended durably, replayed on restart.

use impasto_types::{BlobRef, FailureKind, JobId, LeaseId, TaskIndex, TaskResult, WorkerName};
use serde::{Deserialize, Serialize};

use crate::{Millis, Submission};

/// A change that must survive a restart. Replaying all facts in order gives the same jobs and
/// tasks, and so does a [`Snapshot`](crate::Snapshot) with the facts since.
///
/// Facts are stored as JSON and read by every later version: a field that is added is an `Option`
/// or has `#[serde(default)]`, and one that is unknown is ignored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "kebab-case")]
pub enum Fact {
    /// Tasks whose needs name a cached result have succeeded by this alone.
    JobSubmitted {
        job: JobId,
        at: Millis,
        submission: Submission,
    },
    /// Tasks that wait are canceled by this alone.
    JobCanceled {
        job: JobId,
        at: Millis,
    },
    /// Failed and canceled tasks wait again, with fresh attempts.
    JobRetried {
        job: JobId,
        at: Millis,
    },
    /// An ended job is remembered no longer. Its number is not given again.
    JobForgotten {
        job: JobId,
        at: Millis,
    },
    TaskLeased {
        lease: LeaseId,
        worker: WorkerName,
        at: Millis,
    },
    /// `worker` is `None` where the result is that of another task with the same action.
    TaskSucceeded {
        job: JobId,
        task: TaskIndex,
        at: Millis,
        worker: Option<WorkerName>,
        result: TaskResult,
    },
    /// The attempt ended without a result and the task goes back to the queue, not before
    /// `not_before`. `kind` is `None` where the worker said nothing: it was lost, or gave the lease
    /// back. `counted` says whether it used up one of the task's attempts. In a canceling job the
    /// task is canceled instead.
    AttemptEnded {
        lease: LeaseId,
        at: Millis,
        worker: WorkerName,
        kind: Option<FailureKind>,
        message: String,
        counted: bool,
        not_before: Millis,
        /// Where the attempt stopped, if the worker could say so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        checkpoint: Option<BlobRef>,
    },
    /// The task is given up. Where it was leased, this ends the lease too.
    TaskFailed {
        job: JobId,
        task: TaskIndex,
        at: Millis,
        message: String,
    },
}

impl Fact {
    /// The job that it is about.
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
