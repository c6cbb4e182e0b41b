//! Tasks that read what other tasks of their job make.
//!
//! A task is blocked until all of these have succeeded. It is in no queue until then, so that a
//! long chain costs the scheduler nothing but its head. When one of them fails, so do all that
//! depend on it, however indirectly; a cancellation takes the blocked with the ready. A retry
//! brings them back, blocked as far as they must be.

use std::collections::BTreeMap;

use impasto_types::TaskIndex;

use crate::ledger::Ledger;
use crate::task::{Task, TaskKey, TaskState};

/// For each task that others depend on, those that do so directly.
#[derive(Debug, Clone, Default)]
pub(crate) struct Dependents(BTreeMap<TaskIndex, Vec<TaskIndex>>);

impl Dependents {
    pub(crate) fn of(tasks: &[Task]) -> Self {
        let mut dependents: BTreeMap<TaskIndex, Vec<TaskIndex>> = BTreeMap::new();
        for (index, task) in (0..).map(TaskIndex).zip(tasks) {
            for after in &task.needs.after {
                dependents.entry(*after).or_default().push(index);
            }
        }
        Self(dependents)
    }

    fn on(&self, task: TaskIndex) -> &[TaskIndex] {
        self.0.get(&task).map_or(&[], Vec::as_slice)
    }
}

/// How many of the tasks in `after` have not succeeded.
pub(crate) fn unfinished(tasks: &[Task], after: &[TaskIndex]) -> u32 {
    let open = after.iter().filter(|after| {
        let task = tasks.get(after.0 as usize);
        task.is_none_or(|task| !matches!(task.state, TaskState::Succeeded { .. }))
    });
    open.count() as u32
}

impl Ledger {
    /// The task has succeeded: dependents that waited for nothing else may run.
    pub(crate) fn unblock_dependents(&mut self, producer: TaskKey) {
        for key in self.dependents_on(producer) {
            let Some(task) = self.jobs.get_mut(&key.job).and_then(|job| job.task_mut(key.task))
            else {
                continue;
            };
            // In a job that is canceled they do not wait any more.
            let TaskState::Blocked { open } = &mut task.state else { continue };
            *open -= 1;
            if *open == 0 {
                self.set_state(key, TaskState::ready());
            }
        }
    }

    /// The task has failed, and takes all that depend on it along.
    pub(crate) fn fail_dependents(&mut self, producer: TaskKey, message: &str) {
        let message = format!("task {}, whose result it needs, failed: {message}", producer.task.0);
        let mut next = self.dependents_on(producer);
        while let Some(key) = next.pop() {
            if matches!(self.task(key).map(|task| &task.state), Some(TaskState::Blocked { .. })) {
                self.set_state(key, TaskState::Failed { message: message.clone() });
                next.extend(self.dependents_on(key));
            }
        }
    }

    fn dependents_on(&self, producer: TaskKey) -> Vec<TaskKey> {
        let job = self.jobs.get(&producer.job);
        let dependents = job.map_or(&[][..], |job| job.dependents.on(producer.task));
        dependents.iter().map(|task| TaskKey { job: producer.job, task: *task }).collect()
    }
}
