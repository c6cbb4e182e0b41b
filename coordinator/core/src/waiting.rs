//! Ready tasks, which wait for a delay, for another task with the same action, or for a worker.
//!
//! No action is computed twice at the same time. Of all tasks with the same action, at most one,
//! the nominee, may be leased; the others wait for its result. If it ends without a result, the
//! next is nominated.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use impasto_types::Digest;

use crate::Millis;
use crate::job::Job;
use crate::queue::ReadyQueue;
use crate::task::{Task, TaskKey, TaskState};

#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    pub(crate) queue: ReadyQueue,
    /// Nominees that are not queued yet, by the time before which they may not run.
    delayed: BTreeSet<(Millis, TaskKey)>,
    groups: BTreeMap<Digest, Group>,
}

/// The tasks of one action that have not ended.
#[derive(Debug, Clone, Default)]
struct Group {
    leased: Option<TaskKey>,
    waiting: BTreeSet<Turn>,
}

/// The order of nomination in a group: tasks without a delay first, then by priority and age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    not_before: Millis,
    priority: Reverse<i32>,
    key: TaskKey,
}

impl Turn {
    /// `None` if the task is not ready.
    fn of(job: &Job, key: TaskKey, task: &Task) -> Option<Self> {
        match &task.state {
            TaskState::Ready { not_before, .. } => {
                Some(Self { not_before: *not_before, priority: Reverse(job.priority), key })
            }
            TaskState::Blocked { .. }
            | TaskState::Leased(_)
            | TaskState::Succeeded { .. }
            | TaskState::Failed { .. }
            | TaskState::Canceled => None,
        }
    }
}

impl Group {
    fn nominee(&self) -> Option<Turn> {
        if self.leased.is_some() { None } else { self.waiting.first().copied() }
    }
}

impl Waiting {
    pub(crate) fn new(ageing_ms: Millis) -> Self {
        Self {
            queue: ReadyQueue::new(ageing_ms),
            delayed: BTreeSet::new(),
            groups: BTreeMap::new(),
        }
    }

    /// To be called after a task's state has changed.
    pub(crate) fn enter(&mut self, jobs: &Jobs, key: TaskKey) {
        let Some((job, task)) = find(jobs, key) else { return };
        self.change(jobs, task.needs.action, |group| match Turn::of(job, key, task) {
            Some(turn) => drop(group.waiting.insert(turn)),
            None if task.lease().is_some() => group.leased = Some(key),
            None => {}
        });
    }

    /// To be called before a task's state changes.
    pub(crate) fn leave(&mut self, jobs: &Jobs, key: TaskKey) {
        let Some((job, task)) = find(jobs, key) else { return };
        self.change(jobs, task.needs.action, |group| match Turn::of(job, key, task) {
            Some(turn) => drop(group.waiting.remove(&turn)),
            None if group.leased == Some(key) => group.leased = None,
            None => {}
        });
    }

    /// Queues the nominees whose delay is over.
    pub(crate) fn release(&mut self, jobs: &Jobs, now: Millis) {
        while let Some((not_before, key)) = self.delayed.first().copied()
            && not_before <= now
        {
            self.delayed.pop_first();
            if let Some((job, task)) = find(jobs, key) {
                self.queue.insert(job, key.task, task);
            }
        }
    }

    pub(crate) fn next_release(&self) -> Option<Millis> {
        self.delayed.first().map(|(not_before, _)| *not_before)
    }

    /// The tasks that wait for the result of this action.
    pub(crate) fn waiting_for(&self, action: &Digest) -> Vec<TaskKey> {
        self.groups
            .get(action)
            .map(|group| group.waiting.iter().map(|turn| turn.key).collect())
            .unwrap_or_default()
    }

    /// The task of this action that is leased.
    pub(crate) fn leased(&self, action: &Digest) -> Option<TaskKey> {
        self.groups.get(action)?.leased
    }

    /// Whether the task is delayed or queued, as only nominees are.
    pub(crate) fn is_nominated(&self, jobs: &Jobs, key: TaskKey) -> bool {
        let Some((job, task)) = find(jobs, key) else { return false };
        let delayed = Turn::of(job, key, task)
            .is_some_and(|turn| self.delayed.contains(&(turn.not_before, key)));
        delayed || self.queue.contains(job, key.task, task)
    }

    /// Changes a group and updates its nominee.
    fn change(&mut self, jobs: &Jobs, action: Digest, change: impl FnOnce(&mut Group)) {
        let group = self.groups.entry(action).or_default();
        let before = group.nominee();
        change(group);
        let after = group.nominee();
        if group.leased.is_none() && group.waiting.is_empty() {
            self.groups.remove(&action);
        }
        if before == after {
            return;
        }
        if let Some(turn) = before
            && !self.delayed.remove(&(turn.not_before, turn.key))
            && let Some((job, task)) = find(jobs, turn.key)
        {
            self.queue.remove(job, turn.key.task, task);
        }
        if let Some(turn) = after {
            self.delayed.insert((turn.not_before, turn.key));
        }
    }
}

type Jobs = BTreeMap<impasto_types::JobId, Job>;

fn find(jobs: &Jobs, key: TaskKey) -> Option<(&Job, &Task)> {
    let job = jobs.get(&key.job)?;
    Some((job, job.task(key.task)?))
}
