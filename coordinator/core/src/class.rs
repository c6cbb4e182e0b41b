//! What decides who can run a task, so that the scheduler can speak of many tasks at once.

use impasto_types::{Capabilities, MethodVersion, WorkerName};

use crate::task::Task;

/// What a worker must have, however free it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Demand {
    pub(crate) method: MethodVersion,
    pub(crate) memory_bytes: u64,
}

/// Tasks of one class are the same to every worker but for their inputs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Class {
    pub(crate) demand: Demand,
    pub(crate) avoid: Vec<WorkerName>,
    /// Takes a worker that has nothing else to do, and keeps it to itself.
    pub(crate) alone: bool,
}

impl Class {
    pub(crate) fn of(task: &Task) -> Self {
        let demand =
            Demand { method: task.needs.method, memory_bytes: task.needs.least_memory_bytes };
        Self { demand, avoid: task.tries.avoid.clone(), alone: task.tries.alone }
    }
}

impl Demand {
    /// Whether a worker with these capabilities could meet it with nothing else to do.
    pub(crate) fn is_met_by(&self, capabilities: &Capabilities) -> bool {
        capabilities.methods.contains(&self.method)
            && capabilities.task_memory_bytes() >= self.memory_bytes
    }
}
