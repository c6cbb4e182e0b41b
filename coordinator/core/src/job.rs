//! A job: its tasks, their counts, and the state that follows from them.

use impasto_types::{Digest, JobId, TaskIndex};
use serde::{Deserialize, Serialize};

use crate::task::{Task, TaskKey, TaskState};
use crate::{JobSummary, JobView, Millis, Submission};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// No task has been leased since it was submitted or retried.
    Queued,
    Running,
    /// Given up, but workers have not yet let go of all its tasks.
    Canceling,
    /// Every task succeeded.
    Succeeded,
    /// Every task ended, and at least one failed.
    Failed,
    Canceled,
}

#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) id: JobId,
    pub(crate) key: String,
    pub(crate) project: String,
    pub(crate) priority: i32,
    pub(crate) spec: Digest,
    pub(crate) submitted_at: Millis,
    pub(crate) phase: Phase,
    pub(crate) tasks: Vec<Task>,
    pub(crate) counts: Counts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Queued,
    Running,
    Canceling,
    Ended { end: End, at: Millis },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Succeeded,
    Failed,
    Canceled,
}

/// How many tasks are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) ready: u32,
    pub(crate) leased: u32,
    pub(crate) succeeded: u32,
    pub(crate) failed: u32,
    pub(crate) canceled: u32,
}

impl Counts {
    pub(crate) fn of(&mut self, state: &TaskState) -> &mut u32 {
        match state {
            TaskState::Ready { .. } => &mut self.ready,
            TaskState::Leased(_) => &mut self.leased,
            TaskState::Succeeded { .. } => &mut self.succeeded,
            TaskState::Failed { .. } => &mut self.failed,
            TaskState::Canceled => &mut self.canceled,
        }
    }
}

impl Job {
    /// A job whose tasks all wait, but for those whose result is known already.
    pub(crate) fn new(id: JobId, at: Millis, submission: &Submission) -> Self {
        let mut counts = Counts::default();
        let tasks = submission.tasks.iter().map(|needs| {
            let mut task = Task::new(needs.clone());
            if let Some(result) = task.needs.cached.take() {
                task.state = TaskState::Succeeded { result, worker: None };
            }
            *counts.of(&task.state) += 1;
            task
        });
        let tasks = tasks.collect();
        Self {
            id,
            key: submission.key.clone(),
            project: submission.project.clone(),
            priority: submission.priority,
            spec: submission.spec,
            submitted_at: at,
            phase: Phase::Queued,
            tasks,
            counts,
        }
    }

    /// Ends the job if nothing is left to wait for.
    pub(crate) fn settle(&mut self, at: Millis) {
        if self.counts.ready + self.counts.leased > 0 {
            return;
        }
        let end = match self.phase {
            Phase::Ended { .. } => return,
            Phase::Canceling => End::Canceled,
            Phase::Queued | Phase::Running if self.counts.failed > 0 => End::Failed,
            Phase::Queued | Phase::Running => End::Succeeded,
        };
        self.phase = Phase::Ended { end, at };
    }

    pub(crate) fn task(&self, index: TaskIndex) -> Option<&Task> {
        self.tasks.get(index.0 as usize)
    }

    pub(crate) fn task_mut(&mut self, index: TaskIndex) -> Option<&mut Task> {
        self.tasks.get_mut(index.0 as usize)
    }

    /// All tasks with their names, in order.
    pub(crate) fn keyed_tasks(&self) -> impl Iterator<Item = (TaskKey, &Task)> {
        // A job has no more tasks than a `u32` counts: the counts above are `u32` too.
        (0..)
            .zip(&self.tasks)
            .map(|(index, task)| (TaskKey { job: self.id, task: TaskIndex(index) }, task))
    }

    pub(crate) fn state(&self) -> JobState {
        match self.phase {
            Phase::Queued => JobState::Queued,
            Phase::Running => JobState::Running,
            Phase::Canceling => JobState::Canceling,
            Phase::Ended { end: End::Succeeded, .. } => JobState::Succeeded,
            Phase::Ended { end: End::Failed, .. } => JobState::Failed,
            Phase::Ended { end: End::Canceled, .. } => JobState::Canceled,
        }
    }

    pub(crate) fn summary(&self) -> JobSummary {
        let ended_at = match self.phase {
            Phase::Queued | Phase::Running | Phase::Canceling => None,
            Phase::Ended { at, .. } => Some(at),
        };
        JobSummary {
            job: self.id,
            key: self.key.clone(),
            project: self.project.clone(),
            priority: self.priority,
            state: self.state(),
            submitted_at: self.submitted_at,
            ended_at,
            ready: self.counts.ready,
            leased: self.counts.leased,
            succeeded: self.counts.succeeded,
            failed: self.counts.failed,
            canceled: self.counts.canceled,
        }
    }

    pub(crate) fn view(&self) -> JobView {
        let tasks = self.keyed_tasks().map(|(key, task)| task.view(key.task)).collect();
        JobView { summary: self.summary(), spec: self.spec, tasks }
    }
}
