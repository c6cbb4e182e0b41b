//! A job: its tasks, their counts, and the state that follows from them.

use impasto_types::{Digest, JobId, JobState, JobSummary, Resolved, TaskIndex};
use serde::{Deserialize, Serialize};

use crate::dependents::{Dependents, unfinished};
use crate::task::{Task, TaskKey, TaskState, Tries};
use crate::{JobView, Millis, Submission};

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
    pub(crate) dependents: Dependents,
    pub(crate) counts: Counts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    Queued,
    Running,
    Canceling,
    Ended { end: End, at: Millis },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum End {
    Succeeded,
    Failed,
    Canceled,
}

/// The number of tasks in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) blocked: u32,
    pub(crate) ready: u32,
    pub(crate) leased: u32,
    pub(crate) succeeded: u32,
    pub(crate) failed: u32,
    pub(crate) canceled: u32,
}

impl Counts {
    pub(crate) fn of(&mut self, state: &TaskState) -> &mut u32 {
        match state {
            TaskState::Blocked { .. } => &mut self.blocked,
            TaskState::Ready { .. } => &mut self.ready,
            TaskState::Leased(_) => &mut self.leased,
            TaskState::Succeeded { .. } => &mut self.succeeded,
            TaskState::Failed { .. } => &mut self.failed,
            TaskState::Canceled => &mut self.canceled,
        }
    }

    /// The number of tasks that have not ended.
    pub(crate) fn open(&self) -> u32 {
        self.blocked + self.ready + self.leased
    }
}

impl Job {
    /// A new job. Its tasks wait, except those with a cached result.
    pub(crate) fn new(id: JobId, at: Millis, submission: &Submission) -> Self {
        let mut counts = Counts::default();
        let mut tasks: Vec<Task> = Vec::with_capacity(submission.tasks.len());
        for needs in &submission.tasks {
            let mut needs = needs.clone();
            let state = match needs.cached.take() {
                Some(result) => TaskState::Succeeded { result, worker: None },
                None => TaskState::waiting_for(unfinished(&tasks, &needs.after)),
            };
            *counts.of(&state) += 1;
            let tries = Tries::default();
            tasks.push(Task { needs, attempt: 0, tries, checkpoint: None, state });
        }
        let dependents = Dependents::of(&tasks);
        Self {
            id,
            key: submission.key.clone(),
            project: submission.project.clone(),
            priority: submission.priority,
            spec: submission.spec,
            submitted_at: at,
            phase: Phase::Queued,
            tasks,
            dependents,
            counts,
        }
    }

    /// Ends the job if nothing is left to wait for.
    pub(crate) fn settle(&mut self, at: Millis) {
        if self.counts.open() > 0 {
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

    /// The latest time that the job shows to have passed, if no task is delayed by more than
    /// `delay_ms`.
    pub(crate) fn last_known_at(&self, delay_ms: Millis) -> Millis {
        let ended_at = match self.phase {
            Phase::Queued | Phase::Running | Phase::Canceling => 0,
            Phase::Ended { at, .. } => at,
        };
        let delayed_at = self.tasks.iter().map(|task| match &task.state {
            TaskState::Ready { not_before, .. } => not_before.saturating_sub(delay_ms),
            TaskState::Blocked { .. }
            | TaskState::Leased(_)
            | TaskState::Succeeded { .. }
            | TaskState::Failed { .. }
            | TaskState::Canceled => 0,
        });
        delayed_at.fold(self.submitted_at.max(ended_at), Millis::max)
    }

    /// The results of other tasks that this task reads.
    pub(crate) fn results_for(&self, task: &Task) -> impl Iterator<Item = Resolved> {
        let producers = task.needs.after.iter().filter_map(|after| self.task(*after));
        producers.flat_map(|producer| {
            let outputs = match &producer.state {
                TaskState::Succeeded { result, .. } => result.outputs.as_slice(),
                TaskState::Blocked { .. }
                | TaskState::Ready { .. }
                | TaskState::Leased(_)
                | TaskState::Failed { .. }
                | TaskState::Canceled => &[],
            };
            let action = producer.needs.action;
            outputs.iter().map(move |output| Resolved {
                action,
                output: output.part,
                blob: output.blob,
            })
        })
    }

    pub(crate) fn task(&self, index: TaskIndex) -> Option<&Task> {
        self.tasks.get(index.0 as usize)
    }

    pub(crate) fn task_mut(&mut self, index: TaskIndex) -> Option<&mut Task> {
        self.tasks.get_mut(index.0 as usize)
    }

    /// All tasks with their keys, in order.
    pub(crate) fn keyed_tasks(&self) -> impl Iterator<Item = (TaskKey, &Task)> {
        // The number of tasks fits in a `u32`, as submissions are checked.
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
        let ended_at_ms = match self.phase {
            Phase::Queued | Phase::Running | Phase::Canceling => None,
            Phase::Ended { at, .. } => Some(at),
        };
        JobSummary {
            job: self.id,
            key: self.key.clone(),
            project: self.project.clone(),
            priority: self.priority,
            state: self.state(),
            submitted_at_ms: self.submitted_at,
            ended_at_ms,
            blocked: self.counts.blocked,
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
