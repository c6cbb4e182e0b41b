//! How attempts end, and what happens then.

use impasto_types::{
    Attempt, BlobRef, FailureKind, Grant, Hello, JobState, LeaseOutcome, Order, Progress, TaskEvent,
};

use super::farm::{
    Farm, capabilities, failed, hello, lease, needs, result, returned, submission, succeeded,
};
use crate::{Config, Effect, Fact, Input, Submission};

#[test]
fn a_task_is_leased_reported_and_remembered() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 1);
    let job = farm.submit(submission("one", 1));
    assert_eq!(farm.grant(), (worker, lease(1, 0, 1)));
    assert_eq!(farm.state(job), JobState::Running);
    let progress = Some(Progress { iteration: 1, iterations: 9, loss: Some(2.0), left_ms: None });
    farm.handle(Input::Heartbeat { worker, lease: lease(1, 0, 1), progress });
    assert!(
        matches!(farm.task(job, 0), TaskEvent::Leased { progress: seen, .. } if seen == progress)
    );
    farm.report(worker, lease(1, 0, 1), succeeded());
    assert!(
        farm.effects.contains(&Effect::Remember {
            action: needs("one 0").action,
            result: result("picture")
        })
    );
    assert_eq!(farm.state(job), JobState::Succeeded);
    assert_eq!(farm.core.workers()[0].tasks_done, 1);
}

#[test]
fn a_stale_report_is_acknowledged_and_changes_nothing() {
    let mut farm = Farm::new();
    let a = farm.worker("a", 1);
    let b = farm.worker("b", 1);
    let job = farm.submit(submission("one", 1));
    let (holder, first) = farm.grant();
    assert_eq!(holder, a);
    farm.report(b, first, succeeded());
    assert!(matches!(farm.task(job, 0), TaskEvent::Leased { .. }), "another worker's report");
    farm.report(a, first, failed(FailureKind::Transient));
    farm.report(a, first, succeeded());
    assert!(matches!(farm.task(job, 0), TaskEvent::Ready { .. }), "an attempt that has ended");
    farm.pass(2_000);
    let (holder, second) = farm.grant();
    assert_eq!((holder, second.attempt), (b, Attempt(2)), "another worker is preferred");
    farm.report(b, second, succeeded());
    farm.report(b, second, failed(FailureKind::Input));
    assert_eq!(farm.state(job), JobState::Succeeded, "a task that has ended");
    let facts = farm.facts.len();
    farm.report(a, lease(7, 7, 7), succeeded());
    assert_eq!(farm.facts.len(), facts, "no such task");
}

#[test]
fn transient_failures_are_tried_again_up_to_the_limit() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 1);
    let job = farm.submit(submission("one", 1));
    for attempt in 1..=3 {
        farm.handle(Input::Credits { worker, free_slots: 1 });
        if attempt > 1 {
            farm.pass(5_000);
        }
        farm.report(worker, lease(1, 0, attempt), failed(FailureKind::Transient));
    }
    assert_eq!(
        farm.task(job, 0),
        TaskEvent::Failed { message: "no luck".to_owned(), attempts: Attempt(3) }
    );
    assert_eq!(farm.state(job), JobState::Failed);
}

#[test]
fn a_fault_in_the_input_fails_only_its_task_and_at_once() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 2);
    let job = farm.submit(submission("one", 2));
    farm.report(worker, lease(1, 0, 1), failed(FailureKind::Input));
    assert!(matches!(farm.task(job, 0), TaskEvent::Failed { attempts: Attempt(1), .. }));
    assert_eq!(farm.state(job), JobState::Running);
    farm.report(worker, lease(1, 1, 1), succeeded());
    assert_eq!(farm.state(job), JobState::Failed, "one of two failed");
}

#[test]
fn a_shortage_delays_and_costs_no_attempt() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 1);
    let job = farm.submit(submission("one", 1));
    for attempt in 1..=20 {
        farm.report(worker, lease(1, 0, attempt), failed(FailureKind::Shortage));
        let TaskEvent::Ready { not_before_ms, .. } = farm.task(job, 0) else { panic!("it waits") };
        let delay_ms = not_before_ms - farm.now;
        assert!(
            (750..=75_000).contains(&delay_ms) && (attempt < 8 || delay_ms >= 45_000),
            "{delay_ms} ms after {attempt}"
        );
        farm.handle(Input::Credits { worker, free_slots: 1 });
        farm.pass(delay_ms);
        assert_eq!(farm.grant(), (worker, lease(1, 0, attempt + 1)));
    }
}

#[test]
fn a_returned_lease_costs_no_attempt_and_goes_to_another_worker() {
    let mut farm = Farm::new();
    let a = farm.worker("a", 1);
    farm.submit(submission("one", 1));
    let b = farm.worker("b", 1);
    farm.handle(Input::Drain { worker: a, now: false });
    farm.report(a, lease(1, 0, 1), returned());
    assert_eq!(farm.grant(), (b, lease(1, 0, 2)));
    assert!(
        farm.facts.iter().any(|fact| matches!(fact, Fact::AttemptEnded(ended) if !ended.counted))
    );
}

#[test]
fn the_same_action_is_computed_once_for_all_waiting_tasks() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 4);
    let both =
        |key: &str| Submission { tasks: vec![needs("same"), needs("same")], ..submission(key, 0) };
    let first = farm.submit(both("first"));
    assert_eq!(farm.grant(), (worker, lease(1, 0, 1)));
    let second = farm.submit(both("second"));
    assert_eq!(farm.granted(), []);
    farm.report(worker, lease(1, 0, 1), succeeded());
    for (job, task) in [(first, 1), (second, 0), (second, 1)] {
        assert!(
            matches!(farm.task(job, task), TaskEvent::Succeeded { worker: None, .. }),
            "{job:?} {task}"
        );
    }
}

#[test]
fn the_next_task_with_the_same_action_runs_when_the_first_fails() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 4);
    let job = farm
        .submit(Submission { tasks: vec![needs("same"), needs("same")], ..submission("one", 0) });
    farm.report(worker, lease(1, 0, 1), failed(FailureKind::Input));
    assert_eq!(farm.grant(), (worker, lease(1, 1, 1)));
    farm.report(worker, lease(1, 1, 1), succeeded());
    assert!(matches!(farm.task(job, 0), TaskEvent::Failed { .. }));
    assert!(matches!(farm.task(job, 1), TaskEvent::Succeeded { .. }));
}

#[test]
fn a_task_that_crashes_its_workers_stops_at_the_limit_and_costs_its_neighbour_one_attempt() {
    let mut farm = Farm::with(Config { max_attempts: 3, ..Config::default() });
    let job = farm.submit(submission("one", 2));
    // Task 0 crashes its worker; task 1 runs beside it on the only worker.
    let mut worker = farm.worker("a", 2);
    let mut deaths = 0_u64;
    while farm.state(job) == JobState::Running {
        let leases = farm.core.workers()[0].leases.clone();
        if leases.iter().any(|lease| lease.task.0 == 0) {
            deaths += 1;
            farm.handle(Input::Disconnect { worker });
            let next = Hello { instance: 1 + deaths, ..hello("a", capabilities(2, 8)) };
            worker = farm.connect_as(next);
            farm.handle(Input::Credits { worker, free_slots: 2 });
        } else {
            leases.iter().for_each(|lease| farm.report(worker, *lease, succeeded()));
        }
        farm.pass(1_000);
    }
    assert_eq!(deaths, 3);
    assert!(matches!(farm.task(job, 0), TaskEvent::Failed { .. }));
    assert!(matches!(farm.task(job, 1), TaskEvent::Succeeded { .. }), "{:?}", farm.task(job, 1));
}

#[test]
fn the_next_attempt_resumes_from_the_last_checkpoint() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 1);
    farm.submit(submission("one", 1));
    let half = BlobRef::of(b"half");
    let stopped = |checkpoint| LeaseOutcome::Returned { checkpoint };
    // An attempt without a new checkpoint keeps the old one, unless it counts: resuming may have
    // caused the failure.
    for (attempt, outcome, expected) in [
        (1, stopped(Some(half)), Some(half)),
        (2, stopped(None), Some(half)),
        (3, failed(FailureKind::Shortage), Some(half)),
        (4, failed(FailureKind::Transient), None),
    ] {
        farm.report(worker, lease(1, 0, attempt), outcome);
        farm.pass(10_000);
        farm.handle(Input::Credits { worker, free_slots: 1 });
        let granted = farm.effects.iter().find_map(|effect| match effect {
            Effect::Order { order: Order::Grant(grant), .. } => Some(grant.checkpoint),
            _ => None,
        });
        assert_eq!(granted, Some(expected), "after attempt {attempt}");
    }
}

#[test]
fn a_retried_canceled_job_resumes_from_its_checkpoint() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 1);
    let job = farm.submit(submission("one", 1));
    farm.handle(Input::Cancel { request: 2, job });
    let checkpoint = Some(BlobRef::of(b"half"));
    farm.report(worker, lease(1, 0, 1), LeaseOutcome::Returned { checkpoint });
    farm.handle(Input::Credits { worker, free_slots: 1 });
    farm.handle(Input::Retry { request: 3, job });
    let grant =
        Grant { lease: lease(1, 0, 2), task: farm.job(job).spec, resolved: vec![], checkpoint };
    assert!(farm.effects.contains(&Effect::Order { worker, order: Order::Grant(grant) }));
}
