//! Groups tasks by what decides which workers can run them, so that the scheduler handles many
//! tasks at once.

use impasto_types::{Capabilities, MethodVersion, WorkerName};

use crate::task::Task;

/// What a worker needs to run a task, regardless of its load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Demand {
    pub(crate) method: MethodVersion,
    pub(crate) memory_bytes: u64,
}

/// Tasks of one class differ only in their inputs and in the memory that they need, as far as
/// workers are concerned. Memory is apart because every task may need another amount.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Class {
    pub(crate) method: MethodVersion,
    pub(crate) avoid: Vec<WorkerName>,
    /// Needs an idle worker, which gets no other task meanwhile.
    pub(crate) alone: bool,
}

impl Class {
    pub(crate) fn of(task: &Task) -> Self {
        let avoid = task.tries.avoid.clone();
        Self { method: task.needs.method, avoid, alone: task.tries.alone }
    }

    /// The demand of a task of this class that needs so much memory.
    pub(crate) fn demand(&self, memory_bytes: u64) -> Demand {
        Demand { method: self.method, memory_bytes }
    }
}

impl Demand {
    pub(crate) fn of(task: &Task) -> Self {
        Self { method: task.needs.method, memory_bytes: task.needs.least_memory_bytes }
    }

    /// Whether an idle worker with these capabilities meets the demand.
    pub(crate) fn is_met_by(&self, capabilities: &Capabilities) -> bool {
        capabilities.methods.contains(&self.method)
            && capabilities.task_memory_bytes() >= self.memory_bytes
    }
}
