//! Which worker gets which task, and in which order.

use std::collections::BTreeSet;

use impasto_types::{
    BlobRef, Capabilities, DeviceInfo, Digest, Hello, LeaseOutcome, Order, TaskEvent,
};

use super::farm::{
    Farm, GIB, capabilities, hello, lease, method, needs, revoke, submission, succeeded,
};
use crate::{Config, Effect, Input, Needs, Submission};

/// The jobs of the next `count` leases, on a worker with one slot that ends each at once.
fn served(farm: &mut Farm, count: usize) -> Vec<u64> {
    let worker = farm.connect("single", capabilities(1, 8), &[]);
    let jobs = (0..count).map(|_| {
        farm.handle(Input::Credits { worker, free_slots: 1 });
        let (_, lease) = farm.grant();
        farm.report(worker, lease, succeeded());
        lease.job.0
    });
    jobs.collect()
}

fn of_project(project: &str, key: &str, tasks: u32) -> Submission {
    Submission { project: project.to_owned(), ..submission(key, tasks) }
}

#[test]
fn higher_priority_goes_first_then_the_order_of_submission() {
    let mut farm = Farm::new();
    farm.submit(submission("one", 2));
    farm.pass(1_000);
    farm.submit(submission("two", 1));
    farm.submit(Submission { priority: 1, ..submission("three", 2) });
    assert_eq!(served(&mut farm, 5), [3, 3, 1, 1, 2]);
}

#[test]
fn a_task_has_to_fit_on_one_device() {
    let mut farm = Farm::new();
    let card = |gib: u64| DeviceInfo {
        name: "cuda".to_owned(),
        model: String::new(),
        memory_bytes: gib * GIB,
        compute_capability: None,
    };
    let worker = farm.connect(
        "cards",
        Capabilities { devices: vec![card(8), card(8)], ..capabilities(2, 16) },
        &[],
    );
    farm.handle(Input::Credits { worker, free_slots: 2 });
    let large = Needs { least_memory_bytes: 9 * GIB, ..needs("large") };
    farm.submit(Submission {
        tasks: vec![large, Needs { least_memory_bytes: 8 * GIB, ..needs("fits") }],
        ..submission("one", 0)
    });
    assert_eq!(farm.grant(), (worker, lease(1, 1, 1)));
}

#[test]
fn long_waiting_outweighs_priority() {
    let mut farm = Farm::new();
    farm.submit(of_project("modest", "one", 1));
    farm.pass(1_300_000);
    farm.submit(Submission { priority: 1, ..of_project("eager", "two", 2) });
    assert_eq!(served(&mut farm, 3), [1, 2, 2]);
}

#[test]
fn projects_share_by_work_not_by_tasks() {
    let mut farm = Farm::new();
    let large = Needs { work: 300, ..needs("large") };
    let tasks = (0..2).map(|n| Needs { action: Digest::of(&[n]), ..large.clone() }).collect();
    farm.submit(Submission { tasks, ..of_project("large", "one", 0) });
    farm.submit(of_project("small", "two", 6));
    assert_eq!(served(&mut farm, 8), [1, 2, 2, 2, 1, 2, 2, 2]);
}

#[test]
fn a_project_gets_no_advantage_from_time_without_tasks() {
    let mut farm = Farm::new();
    farm.submit(of_project("steady", "one", 10));
    assert_eq!(served(&mut farm, 4), [1; 4]);
    farm.submit(of_project("newcomer", "two", 3));
    assert_eq!(served(&mut farm, 6), [1, 2, 1, 2, 1, 2]);
}

#[test]
fn each_worker_gets_one_task_before_any_gets_two() {
    let mut farm = Farm::new();
    let workers: BTreeSet<_> =
        ["a", "b", "c"].into_iter().map(|name| farm.worker(name, 4)).collect();
    farm.submit(submission("one", 3));
    assert_eq!(
        farm.granted().into_iter().map(|(worker, _)| worker).collect::<BTreeSet<_>>(),
        workers
    );
}

#[test]
fn a_worker_that_holds_the_inputs_is_preferred() {
    let mut farm = Farm::new();
    let inputs = vec![Digest::of(b"photo"), Digest::of(b"style")];
    farm.worker("a", 1);
    let b = farm.connect_as(Hello { blobs: inputs.clone(), ..hello("b", capabilities(2, 8)) });
    farm.handle(Input::Credits { worker: b, free_slots: 2 });
    farm.submit(Submission {
        tasks: vec![Needs { inputs, ..needs("one") }],
        ..submission("one", 0)
    });
    assert_eq!(farm.grant().0, b);
}

#[test]
fn memory_is_shared_and_never_overbooked() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 4);
    let sized = |name: &str, gib: u64| Needs { least_memory_bytes: gib * GIB, ..needs(name) };
    let tasks = vec![sized("5", 5), sized("4", 4), sized("3", 3), sized("1", 1)];
    farm.submit(Submission { tasks, ..submission("one", 0) });
    let tasks: Vec<u32> = farm.granted().into_iter().map(|(_, lease)| lease.task.0).collect();
    assert_eq!(tasks, [0, 2], "4 GiB do not fit beside 5, but 3 do");
    farm.handle(Input::Credits { worker, free_slots: 2 });
    farm.report(worker, lease(1, 0, 1), succeeded());
    assert_eq!(farm.granted().len(), 2);
}

#[test]
fn credits_that_crossed_a_grant_do_not_overfill_the_slots() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 2);
    farm.submit(submission("one", 4));
    farm.handle(Input::Credits { worker, free_slots: 2 });
    assert_eq!(farm.granted(), []);
}

#[test]
fn a_draining_worker_gets_no_more_tasks() {
    let mut farm = Farm::new();
    let a = farm.worker("a", 2);
    let drain = Effect::Order { worker: a, order: Order::Drain };
    farm.handle(Input::Drain { worker: a, now: false });
    assert!(farm.effects.contains(&drain));
    farm.handle(Input::Credits { worker: a, free_slots: 2 });
    assert!(farm.effects.contains(&drain), "the order was lost");
    farm.handle(Input::Credits { worker: a, free_slots: 0 });
    assert_eq!(farm.effects, []);
    farm.submit(submission("one", 1));
    assert_eq!(farm.granted(), []);
    let b = farm.worker("b", 1);
    assert_eq!(farm.grant().0, b);
}

#[test]
fn a_worker_that_is_drained_now_returns_its_leases_with_their_checkpoints() {
    let mut farm = Farm::new();
    let a = farm.worker("a", 2);
    farm.submit(submission("one", 2));
    farm.handle(Input::Drain { worker: a, now: true });
    let drain = Effect::Order { worker: a, order: Order::Drain };
    let revoked = [0, 1].map(|task| revoke(a, lease(1, task, 1)));
    assert_eq!(farm.effects, [&[drain][..], &revoked].concat());
    let checkpoint = Some(BlobRef::of(b"halfway"));
    let b = farm.worker("b", 1);
    farm.report(a, lease(1, 1, 1), LeaseOutcome::Returned { checkpoint });
    let resumed = farm.effects.iter().find_map(|effect| match effect {
        Effect::Order { worker, order: Order::Grant(grant) } => Some((*worker, grant)),
        _ => None,
    });
    let (worker, grant) = resumed.expect("it is granted again");
    assert_eq!((worker, grant.lease, grant.checkpoint), (b, lease(1, 1, 2), checkpoint));
}

#[test]
fn a_task_that_no_worker_could_run_fails_with_the_reason() {
    let mut farm = Farm::new();
    let large = Needs { least_memory_bytes: 12 * GIB, ..needs("same") };
    let newer = Needs { method: method(2), ..needs("newer") };
    let job = farm
        .submit(Submission { tasks: vec![large.clone(), large, newer], ..submission("one", 0) });
    farm.pass(1_000_000);
    assert_eq!(farm.job(job).summary.ready, 3, "without workers all wait");
    farm.worker("a", 1);
    farm.pass(59_999);
    assert_eq!(farm.job(job).summary.ready, 3);
    farm.pass(1);
    for (task, expected) in [
        (0, "needs 12.0 GiB, the largest worker has 8.00 GiB"),
        (1, "needs 12.0 GiB, the largest worker has 8.00 GiB"),
        (2, "needs optimize version 2, the workers run optimize version 1"),
    ] {
        let TaskEvent::Failed { message, .. } = farm.task(job, task) else {
            panic!("task {task} fails")
        };
        assert_eq!(message, expected);
    }
}

#[test]
fn a_task_survives_if_a_larger_worker_connects_in_time() {
    let mut farm = Farm::with(Config { unschedulable_grace_ms: 5_000, ..Config::default() });
    let job = farm.submit(Submission {
        tasks: vec![Needs { least_memory_bytes: 12 * GIB, ..needs("one") }],
        ..submission("one", 0)
    });
    farm.worker("a", 1);
    farm.pass(4_999);
    farm.connect("b", capabilities(1, 16), &[]);
    farm.pass(100_000);
    assert_eq!(farm.job(job).summary.ready, 1, "b is busy, but could");
}
