//! Measures the core: on a large farm every task ends as soon as it is leased, so only the core
//! takes time.

use std::collections::VecDeque;

use impasto_core::{Config, Core, Effect, Input, Needs, Submission};
use impasto_types::{
    BlobRef, Capabilities, Digest, Epoch, Hello, LeaseOutcome, Losses, Method, MethodVersion,
    Order, Output, RunReport, TaskResult, WorkerId,
};

/// What the core did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throughput {
    pub leases: u64,
    pub inputs: u64,
}

/// How much memory the tasks of a measurement need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizes {
    Equal,
    /// Every task needs another amount.
    Different,
}

impl Sizes {
    fn bytes(self, task: u32) -> u64 {
        match self {
            Self::Equal => 1 << 30,
            // Every task fits, and neighbours differ widely. The multiplier is odd, so no two are
            // equal.
            Self::Different => (1 << 26) + u64::from(task.wrapping_mul(0x9e37_79b1)),
        }
    }
}

/// Leases and completes `tasks` tasks on `workers` workers with one slot each, one input at a time,
/// as a driver would. Calls `lap` after each input.
pub fn decide_all(workers: u32, tasks: u32, sizes: Sizes, lap: &mut dyn FnMut()) -> Throughput {
    let mut core = Core::new(Config::default(), Epoch(1), 1);
    let mut pending = VecDeque::new();
    for worker in 0..u64::from(workers) {
        pending.extend(arrival(worker));
    }
    pending.push_back(Input::Submit { request: 0, submission: submission(tasks, sizes) });
    let result = result();
    let mut throughput = Throughput { leases: 0, inputs: 0 };
    while let Some(input) = pending.pop_front() {
        throughput.inputs += 1;
        core.handle(throughput.inputs, input);
        drop(core.drain_facts());
        for effect in core.drain_effects() {
            if let Effect::Order { worker, order: Order::Grant(grant) } = effect {
                let lease = grant.lease;
                throughput.leases += 1;
                pending.push_back(Input::Heartbeat { worker, lease, progress: None });
                let outcome = LeaseOutcome::Succeeded(result.clone());
                pending.push_back(Input::Report { worker, lease, outcome });
                pending.push_back(Input::Credits { worker, free_slots: 1 });
            }
        }
        lap();
    }
    throughput
}

/// A worker of 8 GiB and one slot connects, and asks for a task.
pub(crate) fn arrival(worker: u64) -> [Input; 2] {
    let name = format!("worker-{worker}").parse().expect("letters and digits");
    let capabilities = Capabilities {
        slots: 1,
        memory_bytes: 8 << 30,
        methods: MethodVersion::all(),
        device: "simulated".to_owned(),
        devices: Vec::new(),
    };
    let blobs = vec![Digest::of(b"style")];
    let hello = Hello { name, instance: worker, capabilities, held: Vec::new(), blobs };
    let worker = WorkerId(worker);
    [Input::Connect { worker, hello }, Input::Credits { worker, free_slots: 1 }]
}

/// A job of tasks with an input each, and one in common.
pub(crate) fn submission(tasks: u32, sizes: Sizes) -> Submission {
    let needs = (0..tasks).map(|task| Needs {
        action: Digest::of(&task.to_le_bytes()),
        method: MethodVersion::of(Method::Optimize),
        least_memory_bytes: sizes.bytes(task),
        work: 1,
        inputs: vec![Digest::of(b"style"), Digest::of(&task.to_be_bytes())],
        after: vec![],
        cached: None,
    });
    Submission {
        key: "all".to_owned(),
        project: "village".to_owned(),
        priority: 0,
        spec: Digest::of(b"spec"),
        tasks: needs.collect(),
    }
}

fn result() -> TaskResult {
    let report = RunReport {
        iterations: 1,
        losses: Some(Losses { total: 1.0, content: 0.5, style: 0.5 }),
        compute_ms: 1,
        device: "simulated".to_owned(),
        warning: None,
    };
    TaskResult { outputs: vec![Output::picture(BlobRef::of(b"picture"), 1, 1)], report }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_is_leased_once() {
        for sizes in [Sizes::Equal, Sizes::Different] {
            let mut laps = 0;
            let done = decide_all(50, 500, sizes, &mut || laps += 1);
            assert_eq!(done, Throughput { leases: 500, inputs: 100 + 1 + 1_500 });
            assert_eq!(laps, done.inputs);
        }
    }
}
