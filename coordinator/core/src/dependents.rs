//! Tasks that read what other tasks of their job make.
//!
//! A task is blocked until all of these have succeeded. It is in no queue until then, so that a
//! long chain costs the scheduler nothing but its head. When one of them fails, so do all that
//! depend on it, however indirectly; a cancellation takes the blocked with the ready. A retry
//! brings them back, blocked as far as they must be.

use std::collections::BTreeMap;

use impasto_types::TaskIndex;

use crate::task::{Task, TaskState};

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

    /// Those that depend on this one directly.
    pub(crate) fn on(&self, task: TaskIndex) -> &[TaskIndex] {
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
