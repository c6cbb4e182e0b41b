//! Random inputs, valid and invalid, in virtual time: the invariants hold after each, a replay
//! reaches the same state, and once the faults stop every task ends.

use impasto_types::{FailureKind, JobId, LeaseId, TaskIndex, WorkerId};
use proptest::prelude::*;

use super::farm::{Farm, GIB, capabilities, failed, lease, needs, returned, succeeded};
use crate::{Input, Needs, Submission};

#[derive(Debug, Clone)]
enum Step {
    Submit { project: u8, priority: i32, tasks: Vec<(u8, u64, u32)> },
    Cancel(u64),
    Retry(u64),
    Connect { name: u8, slots: u32, keeps: bool },
    Disconnect(u64),
    Credits(u64, u32),
    Drain(u64, bool),
    Heartbeat(u64, usize),
    Report(u64, usize, u8),
    Stale(u64, LeaseId),
    Pass(u64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let worker = 1..12_u64;
    prop_oneof![
        2 => (0..3_u8, -2..3_i32, prop::collection::vec((0..30_u8, 1..10_u64, 0..8_u32), 0..5))
            .prop_map(|(project, priority, tasks)| Step::Submit { project, priority, tasks }),
        1 => (0..6_u64).prop_map(Step::Cancel),
        1 => (0..6_u64).prop_map(Step::Retry),
        3 => (0..3_u8, 1..4_u32, any::<bool>())
            .prop_map(|(name, slots, keeps)| Step::Connect { name, slots, keeps }),
        1 => worker.clone().prop_map(Step::Disconnect),
        4 => (worker.clone(), 0..4_u32).prop_map(|(worker, free)| Step::Credits(worker, free)),
        1 => (worker.clone(), any::<bool>()).prop_map(|(worker, now)| Step::Drain(worker, now)),
        4 => (worker.clone(), 0..4_usize).prop_map(|(worker, nth)| Step::Heartbeat(worker, nth)),
        6 => (worker.clone(), 0..4_usize, 0..6_u8)
            .prop_map(|(worker, nth, outcome)| Step::Report(worker, nth, outcome)),
        1 => (worker, 0..4_u64, 0..4_u32, 0..4_u32)
            .prop_map(|(worker, job, task, attempt)| Step::Stale(worker, lease(job, task,
                attempt))),
        3 => (0..40_000_u64).prop_map(Step::Pass),
        1 => Just(Step::Restart),
    ]
}

fn take(farm: &mut Farm, step: Step) {
    // The leases of the connection's worker, even those that it does not know of.
    let leases = |farm: &Farm, worker: u64| farm.leases(WorkerId(worker));
    match step {
        Step::Submit { project, priority, tasks } => {
            let tasks = (0..).zip(tasks).map(|(index, (action, gib, after)): (u32, _)| Needs {
                least_memory_bytes: gib * GIB,
                after: Some(TaskIndex(after)).filter(|after| after.0 < index).into_iter().collect(),
                ..needs(&action.to_string())
            });
            let submission = Submission {
                key: farm.facts.len().to_string(),
                project: project.to_string(),
                priority,
                spec: needs("spec").action,
                tasks: tasks.collect(),
            };
            farm.submit(submission);
        }
        Step::Cancel(job) => farm.handle(Input::Cancel { request: 0, job: JobId(job) }),
        Step::Retry(job) => farm.handle(Input::Retry { request: 0, job: JobId(job) }),
        Step::Connect { name, slots, keeps } => {
            let name = format!("worker-{name}");
            let held = farm
                .core
                .workers()
                .into_iter()
                .find(|view| keeps && view.name.as_str() == name)
                .map(|view| view.leases);
            farm.connect(&name, capabilities(slots, 8), &held.unwrap_or_default());
        }
        Step::Disconnect(worker) => farm.handle(Input::Disconnect { worker: WorkerId(worker) }),
        Step::Credits(worker, free_slots) => {
            farm.handle(Input::Credits { worker: WorkerId(worker), free_slots })
        }
        Step::Drain(worker, now) => farm.handle(Input::Drain { worker: WorkerId(worker), now }),
        Step::Heartbeat(worker, nth) => {
            if let Some(lease) = leases(farm, worker).get(nth).copied() {
                farm.handle(Input::Heartbeat { worker: WorkerId(worker), lease, progress: None });
            }
        }
        Step::Report(worker, nth, outcome) => {
            if let Some(lease) = leases(farm, worker).get(nth).copied() {
                let outcome = match outcome {
                    0 => failed(FailureKind::Input),
                    1 => failed(FailureKind::Transient),
                    2 => failed(FailureKind::Shortage),
                    3 => returned(),
                    _ => succeeded(),
                };
                farm.handle(Input::Report { worker: WorkerId(worker), lease, outcome });
            }
        }
        Step::Stale(worker, lease) => {
            farm.handle(Input::Report { worker: WorkerId(worker), lease, outcome: succeeded() })
        }
        Step::Pass(ms) => farm.pass(ms),
        Step::Restart => farm.restart(),
    }
}

/// Connects a reliable worker that is large enough for all tasks; everything has to end in bounded
/// time.
fn heal(farm: &mut Farm) {
    let worker = farm.connect("good", capabilities(4, 64), &[]);
    for _ in 0..400 {
        farm.handle(Input::Credits { worker, free_slots: 4 });
        for lease in farm.leases(worker) {
            farm.report(worker, lease, succeeded());
        }
        farm.pass(1_000);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None,
        ..ProptestConfig::default() })]

    #[test]
    fn after_any_inputs_the_invariants_hold_and_every_task_ends(steps in prop::collection::vec(
        step(), 1..80)) {
        let mut farm = Farm::new();
        for step in steps {
            take(&mut farm, step);
        }
        heal(&mut farm);
        for summary in farm.core.jobs() {
            let waiting = (summary.blocked, summary.ready, summary.leased);
            prop_assert_eq!(waiting, (0, 0, 0), "{:?}", summary);
            prop_assert!(summary.ended_at_ms.is_some());
        }
    }

    #[test]
    fn facts_are_the_same_after_serialisation(steps in prop::collection::vec(step(), 1..40)) {
        let mut farm = Farm::new();
        for step in steps {
            take(&mut farm, step);
        }
        for fact in &farm.facts {
            let text = serde_json::to_string(fact).expect("facts serialise");
            let back: crate::Fact = serde_json::from_str(&text).expect("and back");
            prop_assert_eq!(&back, fact);
        }
    }
}
