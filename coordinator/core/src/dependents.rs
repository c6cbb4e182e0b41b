//! Tasks that depend on results of other tasks of their job.
//!
//! A task is blocked until all tasks that it depends on have succeeded. A blocked task is in no
//! queue, so the scheduler sees only the head of a long chain. If a task fails, so do its direct
//! and indirect dependents. A cancellation includes blocked tasks; a retry resets failed and
//! canceled ones to blocked or ready.

use std::collections::BTreeMap;

use impasto_types::TaskIndex;

use crate::task::{Task, TaskState};

/// The direct dependents of each task that has some.
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

    /// The direct dependents of `task`.
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
