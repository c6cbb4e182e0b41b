//! What has happened: appended durably, replayed on restart.

use impasto_types::{FailureKind, JobId, LeaseId, TaskIndex, TaskResult, WorkerName};
use serde::{Deserialize, Serialize};

use crate::{Millis, Submission};

/// A change that must survive a restart. Replaying all facts in order gives the same jobs and tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "kebab-case")]
pub enum Fact {
    JobSubmitted { job: JobId, at: Millis, submission: Submission },
    JobCanceled { job: JobId, at: Millis },
    JobRetried { job: JobId, at: Millis },
    TaskLeased { lease: LeaseId, worker: WorkerName, at: Millis },
    TaskSucceeded { job: JobId, task: TaskIndex, at: Millis, worker: WorkerName, result: TaskResult },
    /// The attempt ended without a result and the task goes back to the queue, not before `not_before`.
    /// `counted` says whether it used up one of the task's attempts.
    AttemptEnded { lease: LeaseId, at: Millis, worker: WorkerName, kind: Option<FailureKind>, message: String, counted: bool, not_before: Millis },
    /// The task is given up.
    TaskFailed { job: JobId, task: TaskIndex, at: Millis, message: String },
}
