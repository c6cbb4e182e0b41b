//! A task: what it needs, how often it was tried, and where it stands.

use impasto_types::{
    Attempt, BlobRef, JobId, LeaseId, Progress, TaskEvent, TaskIndex, TaskResult, WorkerName,
};

use serde::{Deserialize, Serialize};

use crate::{Millis, Needs, TaskView};

/// A task's name over all jobs.
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
    /// The number of the last attempt, 0 before the first. It only rises, over retries too: it
    /// fences older attempts out.
    pub(crate) attempt: u32,
    pub(crate) tries: Tries,
    /// Where an attempt stopped, for the next one to go on from. Attempts that count drop it: it
    /// may be what they died of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) checkpoint: Option<BlobRef>,
    pub(crate) state: TaskState,
}

/// What came of the attempts since the submission or the last retry.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tries {
    /// Those that count towards the limit.
    pub(crate) counted: u32,
    /// All that ended without a result.
    pub(crate) setbacks: u32,
    /// The workers that they ended on: others are preferred.
    pub(crate) avoid: Vec<WorkerName>,
    /// Whether one of them was lost together with its worker. It may be what brought the worker
    /// down, so it runs alone from then on: its neighbours lose no second attempt to it, and an
    /// innocent one no second attempt to them.
    pub(crate) alone: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TaskState {
    /// Waits for other tasks of its job to succeed.
    Blocked {
        /// How many of them have not.
        open: u32,
    },
    /// Waits: for its time, for another task with the same action, or for a worker.
    Ready {
        /// 0 where it waits for no time.
        not_before: Millis,
        /// Why it waits again, if it does.
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
    /// When the worker last spoke of it. Not durable: whoever restores a lease listens anew.
    #[serde(skip)]
    pub(crate) heard: Millis,
    #[serde(skip)]
    pub(crate) progress: Option<Progress>,
}

impl TaskState {
    /// Waits for no other task, and for no time.
    pub(crate) fn ready() -> Self {
        Self::Ready { not_before: 0, message: String::new() }
    }

    /// Waits for so many other tasks.
    pub(crate) fn waiting_for(open: u32) -> Self {
        if open == 0 { Self::ready() } else { Self::Blocked { open } }
    }
}

impl Task {
    /// What facts decide of it: everything but signs of life.
    pub(crate) fn durable(&self) -> Self {
        let mut task = self.clone();
        if let TaskState::Leased(lease) = &mut task.state {
            (lease.heard, lease.progress) = (0, None);
        }
        task
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

    /// The news that would lead here.
    pub(crate) fn event(&self) -> TaskEvent {
        let attempts = Attempt(self.attempt);
        match &self.state {
            TaskState::Blocked { .. } => TaskEvent::Blocked,
            TaskState::Ready { not_before, message } => {
                TaskEvent::Ready { attempts, not_before_ms: *not_before, message: message.clone() }
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
