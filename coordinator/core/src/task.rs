//! A task: its needs, attempts and state.

use impasto_types::{
    Attempt, BlobRef, FailureKind, JobId, LeaseId, Progress, TaskEvent, TaskIndex, TaskResult,
    WorkerName,
};

use serde::{Deserialize, Serialize};

use crate::fact::AttemptEnded;
use crate::{Millis, Needs, TaskView};

/// Identifies a task among all jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TaskKey {
    pub(crate) job: JobId,
    pub(crate) task: TaskIndex,
}

impl From<LeaseId> for TaskKey {
    fn from(lease: LeaseId) -> Self {
        Self { job: lease.job, task: lease.task }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) needs: Needs,
    /// The number of the last attempt, 0 before the first. A fencing token: it only rises, even
    /// over retries.
    pub(crate) attempt: u32,
    pub(crate) tries: Tries,
    /// Where the next attempt resumes. An attempt that counts clears it, since resuming may have
    /// caused the failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) checkpoint: Option<BlobRef>,
    pub(crate) state: TaskState,
}

/// The attempts since the submission or the last retry.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tries {
    /// Attempts that count towards the limit.
    pub(crate) counted: u32,
    /// All attempts that ended without a result.
    pub(crate) setbacks: u32,
    /// The workers of these attempts; the scheduler prefers others.
    pub(crate) avoid: Vec<WorkerName>,
    /// Whether an attempt was lost with its worker. The task may have crashed the worker, so it
    /// runs alone from then on: then it costs no other task a second attempt, and no other task
    /// costs it one.
    pub(crate) alone: bool,
    /// The workers that failed at it: they said so, or were lost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) reporters: Vec<WorkerName>,
    /// Whether another worker got a try after the last attempt.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) reprieved: bool,
    /// Blobs that the last attempt found missing, and since when some are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) missing: Vec<BlobRef>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) missing_since: Option<Millis>,
    /// The workers that said that its input is at fault, and were not believed yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) accusers: Vec<WorkerName>,
    /// How often its result was lost, so that it ran again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) losses: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TaskState {
    /// Waits for results of other tasks of its job.
    Blocked {
        /// How many of these have not succeeded.
        open: u32,
    },
    /// Waits for a delay, for another task with the same action, or for a worker.
    Ready {
        /// 0 without a delay.
        not_before: Millis,
        /// Why the last attempt ended, or empty.
        message: String,
    },
    Leased(Lease),
    Succeeded {
        result: TaskResult,
        worker: Option<WorkerName>,
    },
    Failed {
        message: String,
    },
    Canceled,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Lease {
    pub(crate) id: LeaseId,
    pub(crate) worker: WorkerName,
    /// The last heartbeat for this lease. Not durable: after a restart the time starts again.
    #[serde(skip)]
    pub(crate) heard: Millis,
    /// Whether the worker has shown that it knows the lease. Not durable.
    #[serde(skip)]
    pub(crate) confirmed: bool,
    /// Whether it was revoked since the worker did not confirm it. Not durable.
    #[serde(skip)]
    pub(crate) revoked: bool,
    /// The worker's process, which never forgets a lease that it got.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) process: Option<u64>,
    #[serde(skip)]
    pub(crate) progress: Option<Progress>,
}

impl TaskState {
    /// Ready at once.
    pub(crate) fn ready() -> Self {
        Self::Ready { not_before: 0, message: String::new() }
    }

    /// Blocked by `open` other tasks, or ready if there are none.
    pub(crate) fn waiting_for(open: u32) -> Self {
        if open == 0 { Self::ready() } else { Self::Blocked { open } }
    }
}

impl Task {
    /// The durable part: everything except heartbeats and progress.
    pub(crate) fn durable(&self) -> Self {
        let mut task = self.clone();
        if let TaskState::Leased(lease) = &mut task.state {
            (lease.heard, lease.progress) = (0, None);
            (lease.confirmed, lease.revoked) = (false, false);
        }
        task
    }

    /// Notes an attempt that ended without a result.
    pub(crate) fn note_setback(&mut self, ended: &AttemptEnded) {
        let AttemptEnded { at, worker, kind, counted, checkpoint, reprieve, missing, .. } = ended;
        let costs = ended.counts();
        self.checkpoint = match (checkpoint, costs) {
            (Some(checkpoint), _) => Some(*checkpoint),
            (None, true) => None,
            (None, false) => self.checkpoint,
        };
        let tries = &mut self.tries;
        tries.counted += u32::from(*counted);
        tries.setbacks = tries.setbacks.saturating_add(1);
        tries.alone |= costs && kind.is_none();
        tries.reprieved |= reprieve;
        if !ended.spared {
            add(&mut tries.avoid, worker);
        }
        if ended.is_failure() {
            add(&mut tries.reporters, worker);
        }
        if *kind == Some(FailureKind::Input) {
            add(&mut tries.accusers, worker);
        }
        tries.missing.clone_from(missing);
        tries.missing_since = match tries.missing_since {
            _ if missing.is_empty() => None,
            Some(since) => Some(since),
            None => Some(*at),
        };
    }

    pub(crate) fn lease(&self) -> Option<&Lease> {
        match &self.state {
            TaskState::Leased(lease) => Some(lease),
            TaskState::Blocked { .. }
            | TaskState::Ready { .. }
            | TaskState::Succeeded { .. }
            | TaskState::Failed { .. }
            | TaskState::Canceled => None,
        }
    }

    pub(crate) fn lease_mut(&mut self) -> Option<&mut Lease> {
        match &mut self.state {
            TaskState::Leased(lease) => Some(lease),
            TaskState::Blocked { .. }
            | TaskState::Ready { .. }
            | TaskState::Succeeded { .. }
            | TaskState::Failed { .. }
            | TaskState::Canceled => None,
        }
    }

    /// The event that reports this state.
    pub(crate) fn event(&self) -> TaskEvent {
        let attempts = Attempt(self.attempt);
        match &self.state {
            TaskState::Blocked { .. } => TaskEvent::Blocked,
            TaskState::Ready { not_before, message } => {
                let missing = self.tries.missing.clone();
                let (not_before_ms, message) = (*not_before, message.clone());
                TaskEvent::Ready { attempts, not_before_ms, message, missing }
            }
            TaskState::Leased(lease) => TaskEvent::Leased {
                worker: lease.worker.clone(),
                attempt: lease.id.attempt,
                progress: lease.progress,
            },
            TaskState::Succeeded { result, worker } => {
                TaskEvent::Succeeded { result: result.clone(), worker: worker.clone(), attempts }
            }
            TaskState::Failed { message } => {
                TaskEvent::Failed { message: message.clone(), attempts }
            }
            TaskState::Canceled => TaskEvent::Canceled,
        }
    }

    pub(crate) fn view(&self, task: TaskIndex) -> TaskView {
        TaskView { task, event: self.event() }
    }
}

fn add(names: &mut Vec<WorkerName>, name: &WorkerName) {
    if !names.contains(name) {
        names.push(name.clone());
        names.sort_unstable();
    }
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}
