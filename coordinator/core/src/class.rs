//! What decides who can run a task, so that the scheduler can speak of many tasks at once.

use impasto_types::WorkerName;

use crate::Capabilities;
use crate::task::Task;

/// What a worker must have, however free it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Demand {
    pub(crate) engine_version: u32,
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
        let demand = Demand {
            engine_version: task.needs.engine_version,
            memory_bytes: task.needs.memory_bytes,
        };
        Self { demand, avoid: task.tries.avoid.clone(), alone: task.tries.alone }
    }
}

impl Demand {
    /// Whether a worker with these capabilities could meet it with nothing else to do.
    pub(crate) fn is_met_by(&self, capabilities: &Capabilities) -> bool {
        capabilities.engine_version == self.engine_version
            && capabilities.task_memory_bytes() >= self.memory_bytes
    }
}
