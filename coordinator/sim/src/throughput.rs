//! Measures the core: on a large farm every task ends as soon as it is leased, so only the core
//! takes time.

use impasto_core::{Config, Core, Effect, Input, Needs, Submission};
use impasto_types::{
    BlobRef, Capabilities, Digest, Epoch, Hello, LeaseOutcome, Losses, Method, MethodVersion,
    Order, Output, RunReport, TaskResult, WorkerId,
};

/// The measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throughput {
    pub leases: u64,
    pub inputs: u64,
}

/// Leases and completes `tasks` tasks on `workers` workers with one slot each, one input at a time,
/// as a driver would.
pub fn decide_all(workers: u32, tasks: u32) -> Throughput {
    let mut core = Core::new(Config::default(), Epoch(1), 1);
    let mut pending = std::collections::VecDeque::new();
    for worker in 0..u64::from(workers) {
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
        pending.push_back(Input::Connect { worker: WorkerId(worker), hello });
        pending.push_back(Input::Credits { worker: WorkerId(worker), free_slots: 1 });
    }
    let needs = (0..tasks).map(|task| Needs {
        action: Digest::of(&task.to_le_bytes()),
        method: MethodVersion::of(Method::Optimize),
        least_memory_bytes: u64::from(1 + task % 64) << 26,
        work: 1,
        inputs: vec![Digest::of(b"style"), Digest::of(&task.to_be_bytes())],
        after: vec![],
        cached: None,
    });
    let submission = Submission {
        key: "all".to_owned(),
        project: "village".to_owned(),
        priority: 0,
        spec: Digest::of(b"spec"),
        tasks: needs.collect(),
    };
    pending.push_back(Input::Submit { request: 0, submission });
    let report = RunReport {
        iterations: 1,
        losses: Some(Losses { total: 1.0, content: 0.5, style: 0.5 }),
        compute_ms: 1,
        device: "simulated".to_owned(),
        warning: None,
    };
    let result =
        TaskResult { outputs: vec![Output::picture(BlobRef::of(b"picture"), 1, 1)], report };
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
                pending.push_back(Input::Report {
                    worker,
                    lease,
                    outcome: LeaseOutcome::Succeeded(result.clone()),
                });
                pending.push_back(Input::Credits { worker, free_slots: 1 });
            }
        }
    }
    throughput
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_is_leased_once() {
        assert_eq!(decide_all(50, 500), Throughput { leases: 500, inputs: 100 + 1 + 1_500 });
    }
}
