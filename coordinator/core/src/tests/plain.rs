//! The scheduler as its rules put it, without any index: every waiting task is looked at in turn.
//! The tests' farm compares each decision of the core with it.

use std::collections::BTreeSet;

use impasto_types::{JobId, TaskIndex, WorkerId};
use proptest::prelude::*;

use super::farm::{Farm, GIB, capabilities, failed, needs, returned, submission, succeeded};
use crate::class::Class;
use crate::core::Core;
use crate::task::TaskKey;
use crate::{Input, Millis, Needs, Submission};

/// Handles an input as [`Core::handle`] does.
pub(super) fn handle(core: &mut Core, now: Millis, input: Input) {
    core.take(now, input);
    core.ledger.waiting.release(&core.ledger.jobs, core.now);
    core.watch_stranded();
    let room = core.workers.room();
    let mut unfit: BTreeSet<(Class, u64)> = BTreeSet::new();
    let mut held_back: BTreeSet<WorkerId> = BTreeSet::new();
    while core.workers.is_anyone_free() {
        let may_fit = |class: &Class, bytes: u64| {
            let has_room = |most: &u64| class.alone || bytes <= *most;
            room.get(&class.method).is_some_and(has_room)
                && !unfit.contains(&(class.clone(), bytes))
        };
        let Some((key, bytes, class)) = next(core, may_fit) else { return };
        let Some(task) = core.ledger.task(key) else { return };
        match core.workers.best_for(&class, bytes, &task.needs.inputs, &held_back) {
            Some(worker) => core.grant(key, worker),
            None => {
                if class.alone {
                    held_back.extend(core.workers.to_hold_back(&class, bytes));
                }
                unfit.insert((class, bytes));
            }
        }
    }
}

/// The first task that may fit.
fn next(core: &Core, may_fit: impl Fn(&Class, u64) -> bool) -> Option<(TaskKey, u64, Class)> {
    let mut heads = Vec::new();
    for project in core.ledger.waiting.queue.listed(core.now) {
        let jobs = project.into_iter().filter(|((.., job), _)| !core.is_held(*job));
        let head = { jobs }.find_map(|(rank, tasks)| {
            let fits = { tasks }.into_iter().find(|(_, bytes, class)| may_fit(class, *bytes));
            fits.map(|(task, bytes, class)| (rank, (TaskKey { job: rank.2, task }, bytes, class)))
        });
        heads.extend(head);
    }
    heads.into_iter().min_by_key(|(rank, _)| *rank).map(|(_, next)| next)
}

#[derive(Debug, Clone)]
enum Step {
    Submit {
        project: u8,
        priority: i32,
        tasks: Vec<u64>,
    },
    /// A worker comes, perhaps again in another process.
    Comes {
        name: u8,
        slots: u32,
        knows: bool,
    },
    Goes(u8),
    Asks(u8, u32),
    Ends(u8, usize, u8),
    Drains(u8),
    Passes(Millis),
}

fn step() -> impl Strategy<Value = Step> {
    let name = || 0..5_u8;
    prop_oneof![
        2 => (0..3_u8, -1..2_i32, prop::collection::vec(1..9_000_u64, 1..12))
            .prop_map(|(project, priority, tasks)| Step::Submit { project, priority, tasks }),
        3 => (name(), 1..6_u32, any::<bool>())
            .prop_map(|(name, slots, knows)| Step::Comes { name, slots, knows }),
        2 => name().prop_map(Step::Goes),
        6 => (name(), 0..6_u32).prop_map(|(name, free)| Step::Asks(name, free)),
        8 => (name(), 0..4_usize, 0..8_u8).prop_map(|(name, nth, how)| Step::Ends(name, nth, how)),
        1 => name().prop_map(Step::Drains),
        4 => (0..30_000_u64).prop_map(Step::Passes),
    ]
}

fn take(farm: &mut Farm, step: Step, nth: u64) {
    let called = |name: u8| format!("worker-{name}");
    let connection = |farm: &Farm, name: u8| {
        farm.core.connection(&called(name).parse().expect("a worker's name"))
    };
    match step {
        Step::Submit { project, priority, tasks } => {
            let tasks = (0..).zip(tasks).map(|(task, mib): (u32, _)| Needs {
                least_memory_bytes: mib << 20,
                ..needs(&format!("{nth} {task}"))
            });
            let (key, project) = (nth.to_string(), project.to_string());
            let tasks = tasks.collect();
            farm.submit(Submission { key, project, priority, tasks, ..submission("", 0) });
        }
        Step::Comes { name, slots, knows } => {
            // A worker that reconnects has the memory that it had.
            let mib = [900, 2_500, 4_100, 6_300, 9_000][usize::from(name)];
            let held = connection(farm, name).map(|worker| farm.leases(worker));
            let held = held.filter(|_| knows).unwrap_or_default();
            let capabilities =
                impasto_types::Capabilities { memory_bytes: mib << 20, ..capabilities(slots, 0) };
            let hello = super::farm::hello(&called(name), capabilities);
            let instance = if knows { u64::from(name) } else { 100 + nth };
            let worker = farm.connect_as(impasto_types::Hello { instance, held, ..hello });
            farm.handle(Input::Credits { worker, free_slots: slots });
        }
        Step::Goes(name) => {
            if let Some(worker) = connection(farm, name) {
                farm.handle(Input::Disconnect { worker });
            }
        }
        Step::Asks(name, free_slots) => {
            if let Some(worker) = connection(farm, name) {
                farm.handle(Input::Credits { worker, free_slots });
            }
        }
        Step::Ends(name, nth, how) => {
            let Some(worker) = connection(farm, name) else { return };
            let Some(lease) = farm.leases(worker).get(nth).copied() else { return };
            let outcome = match how {
                0 => failed(impasto_types::FailureKind::Transient),
                1 => failed(impasto_types::FailureKind::Machine),
                2 => failed(impasto_types::FailureKind::Input),
                3 => returned(),
                _ => succeeded(),
            };
            farm.report(worker, lease, outcome);
        }
        Step::Drains(name) => {
            if let Some(worker) = connection(farm, name) {
                farm.handle(Input::Drain { worker, now: false });
            }
        }
        Step::Passes(ms) => farm.pass(ms),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None,
        ..ProptestConfig::default() })]

    /// The farm compares.
    #[test]
    fn needs_that_all_differ_are_scheduled_as_the_rules_say(
        steps in prop::collection::vec(step(), 1..100),
    ) {
        let mut farm = Farm::new();
        for (nth, step) in (0..).zip(steps) {
            take(&mut farm, step, nth);
        }
    }
}

#[test]
fn tasks_that_run_alone_hold_back_a_worker_for_each_size() {
    let mut farm = Farm::new();
    let sizes: Vec<u64> = (1..40).map(|nth| nth * GIB / 5).collect();
    let tasks =
        sizes.iter().map(|bytes| Needs { least_memory_bytes: *bytes, ..needs(&bytes.to_string()) });
    farm.submit(Submission { tasks: tasks.collect(), ..submission("all", 0) });
    // A process that is replaced loses its leases: their tasks run alone from then on.
    for instance in 1..4 {
        let hello = super::farm::hello("a", capabilities(16, 32));
        let worker = farm.connect_as(impasto_types::Hello { instance, ..hello });
        farm.handle(Input::Credits { worker, free_slots: 16 });
        farm.pass(5_000);
        farm.handle(Input::Disconnect { worker });
    }
    for (name, gib) in [("b", 3), ("c", 6), ("d", 8), ("e", 4)] {
        let worker = farm.connect(name, capabilities(3, gib), &[]);
        farm.handle(Input::Credits { worker, free_slots: 3 });
    }
    let alone = |task: &crate::task::Task| task.tries.alone;
    let job = &farm.core.ledger.jobs[&JobId(1)];
    assert!(job.tasks.iter().filter(|task| alone(task)).count() > 10);
    for _ in 0..200 {
        for name in ["b", "c", "d", "e", "a"] {
            let name = name.parse().expect("a name");
            let Some(worker) = farm.core.connection(&name) else { continue };
            if let Some(lease) = farm.leases(worker).last().copied() {
                farm.report(worker, lease, succeeded());
            }
            farm.handle(Input::Credits { worker, free_slots: 3 });
        }
        farm.pass(500);
    }
    let done = |index: &TaskIndex| {
        matches!(farm.task(JobId(1), index.0), impasto_types::TaskEvent::Succeeded { .. })
    };
    assert!((0..39).map(TaskIndex).filter(done).count() > 30);
}
