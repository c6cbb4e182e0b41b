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
        /// The worker's process, by the number in its hello.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        process: Option<u64>,
    },
    /// `worker` is `None` if the result came from another task with the same action.
    TaskSucceeded {
        job: JobId,
        task: TaskIndex,
        at: Millis,
        worker: Option<WorkerName>,
        result: TaskResult,
    },
    AttemptEnded(AttemptEnded),
    /// The task has failed for good. If it was leased, this ends the lease too.
    TaskFailed {
        job: JobId,
        task: TaskIndex,
        at: Millis,
        message: String,
    },
}

/// The attempt ended without a result. The task returns to the queue at `not_before`, is blocked if
/// results that it reads are lost, or is canceled if its job is canceling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptEnded {
    pub lease: LeaseId,
    pub at: Millis,
    pub worker: WorkerName,
    /// `None` if the worker reported no failure: it was lost, returned the lease, or missed inputs.
    pub kind: Option<FailureKind>,
    pub message: String,
    /// Whether this used up one of the task's attempts.
    pub counted: bool,
    pub not_before: Millis,
    /// Where the next attempt can resume, if the worker saved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<BlobRef>,
    /// Whether the worker has no part in it: then the task does not avoid it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spared: bool,
    /// Whether it would have been the task's last attempt, but another worker gets a try.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reprieve: bool,
    /// Blobs that the task reads and that the store lacks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<BlobRef>,
    /// Tasks whose results it reads and that are gone from the store: they run again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<TaskIndex>,
}

impl AttemptEnded {
    /// An end that costs the task nothing, without a delay.
    pub(crate) fn free(
        lease: LeaseId,
        at: Millis,
        worker: WorkerName,
        kind: Option<FailureKind>,
        message: String,
    ) -> Self {
        Self {
            lease,
            at,
            worker,
            kind,
            message,
            counted: false,
            not_before: at,
            checkpoint: None,
            spared: false,
            reprieve: false,
            missing: Vec::new(),
            lost: Vec::new(),
        }
    }

    /// Whether the attempt is the task's own.
    pub fn counts(&self) -> bool {
        self.counted || self.reprieve
    }

    /// Whether the worker failed: it said so, or was lost.
    pub(crate) fn is_failure(&self) -> bool {
        match self.kind {
            None => self.counts(),
            Some(FailureKind::Transient | FailureKind::Machine) => true,
            Some(FailureKind::Input | FailureKind::Shortage | FailureKind::Coordinator) => false,
        }
    }
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
            Self::TaskLeased { lease, .. } | Self::AttemptEnded(AttemptEnded { lease, .. }) => {
                lease.job
            }
        }
    }

    /// When it happened.
    pub fn at(&self) -> Millis {
        match self {
            Self::JobSubmitted { at, .. }
            | Self::JobCanceled { at, .. }
            | Self::JobRetried { at, .. }
            | Self::JobForgotten { at, .. }
            | Self::TaskLeased { at, .. }
            | Self::TaskSucceeded { at, .. }
            | Self::AttemptEnded(AttemptEnded { at, .. })
            | Self::TaskFailed { at, .. } => *at,
        }
    }
}
