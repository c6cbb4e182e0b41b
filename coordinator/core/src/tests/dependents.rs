//! Tasks that depend on results of other tasks of their job.

use impasto_types::{
    BlobRef, Epoch, FailureKind, JobState, Order, Part, Resolved, TaskEvent, TaskIndex, WorkerId,
};

use super::farm::{Farm, capabilities, failed, hello, lease, needs, result, submission, succeeded};
use crate::task::{TaskKey, TaskState};
use crate::{Config, Core, Effect, Input, Needs, Submission, SubmissionError, invariants};

/// A job whose task `n` depends on the tasks in `after[n]`.
fn job_of(key: &str, after: &[&[u32]]) -> Submission {
    let task = |(number, after): (usize, &&[u32])| Needs {
        after: after.iter().copied().map(TaskIndex).collect(),
        ..needs(&format!("{key} {number}"))
    };
    Submission { tasks: after.iter().enumerate().map(task).collect(), ..submission(key, 0) }
}

#[test]
fn a_dependent_runs_once_all_its_inputs_exist() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 4);
    let job = farm.submit(job_of("one", &[&[], &[], &[0, 1], &[2]]));
    let tasks: Vec<u32> = farm.granted().iter().map(|(_, lease)| lease.task.0).collect();
    assert_eq!(tasks, [0, 1]);
    farm.report(worker, lease(1, 0, 1), succeeded());
    assert_eq!((farm.granted(), farm.task(job, 2)), (vec![], TaskEvent::Blocked));
    farm.report(worker, lease(1, 1, 1), succeeded());
    assert_eq!(farm.grant(), (worker, lease(1, 2, 1)));
    let resolved = farm.effects.iter().find_map(|effect| match effect {
        Effect::Order { order: Order::Grant(grant), .. } => Some(grant.resolved.clone()),
        _ => None,
    });
    let output = |number| Resolved {
        action: needs(&format!("one {number}")).action,
        output: Part::Color,
        blob: BlobRef::of(b"picture"),
    };
    assert_eq!(resolved, Some(vec![output(0), output(1)]));
    farm.report(worker, lease(1, 2, 1), succeeded());
    farm.report(worker, lease(1, 3, 1), succeeded());
    assert_eq!(farm.state(job), JobState::Succeeded);
}

#[test]
fn cached_results_unblock_dependents_at_once() {
    let mut farm = Farm::new();
    farm.worker("a", 4);
    let mut submission = job_of("one", &[&[], &[0], &[1]]);
    submission.tasks[0].cached = Some(result("cached"));
    submission.tasks[2].cached = Some(result("cached"));
    let job = farm.submit(submission);
    assert_eq!(farm.grant().1.task, TaskIndex(1));
    assert!(matches!(farm.task(job, 2), TaskEvent::Succeeded { .. }), "it needs nothing any more");
}

#[test]
fn another_jobs_result_unblocks_dependents_too() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 4);
    farm.submit(Submission { tasks: vec![needs("same")], ..submission("one", 0) });
    let after = vec![TaskIndex(0)];
    let tasks = vec![needs("same"), Needs { after, ..needs("then") }];
    farm.submit(Submission { tasks, ..submission("two", 0) });
    farm.report(worker, lease(1, 0, 1), succeeded());
    assert_eq!(farm.grant(), (worker, lease(2, 1, 1)));
}

#[test]
fn a_failure_fails_all_dependents_and_no_other_task() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 4);
    let job = farm.submit(job_of("one", &[&[], &[], &[0], &[1], &[2, 3]]));
    farm.report(worker, lease(1, 0, 1), failed(FailureKind::Input));
    for task in [2, 4] {
        let TaskEvent::Failed { message, .. } = farm.task(job, task) else {
            panic!("task {task} fails")
        };
        assert_eq!(message, "task 0, whose result it needs, failed: no luck");
    }
    farm.report(worker, lease(1, 1, 1), succeeded());
    farm.report(worker, lease(1, 3, 1), succeeded());
    assert_eq!((farm.state(job), farm.job(job).summary.failed), (JobState::Failed, 3));
}

#[test]
fn a_retry_resets_a_failed_chain() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 1);
    let job = farm.submit(job_of("one", &[&[], &[0], &[1]]));
    farm.report(worker, lease(1, 0, 1), succeeded());
    farm.handle(Input::Credits { worker, free_slots: 1 });
    farm.report(worker, lease(1, 1, 1), failed(FailureKind::Input));
    assert_eq!(farm.job(job).summary.failed, 2);
    farm.handle(Input::Retry { request: 2, job });
    assert!(matches!(farm.task(job, 1), TaskEvent::Ready { .. }), "its input exists");
    assert_eq!(farm.task(job, 2), TaskEvent::Blocked);
    for task in [1, 2] {
        farm.handle(Input::Credits { worker, free_slots: 1 });
        let (_, lease) = farm.grant();
        assert_eq!(lease.task, TaskIndex(task));
        farm.report(worker, lease, succeeded());
    }
    assert_eq!(farm.state(job), JobState::Succeeded);
}

#[test]
fn a_cancel_includes_blocked_tasks_and_a_retry_resets_them() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 1);
    let job = farm.submit(job_of("one", &[&[], &[0]]));
    farm.handle(Input::Cancel { request: 2, job });
    assert_eq!(farm.task(job, 1), TaskEvent::Canceled);
    // The producer may still succeed, which unblocks nothing in a canceled job.
    farm.report(worker, lease(1, 0, 1), succeeded());
    assert_eq!((farm.state(job), farm.granted()), (JobState::Canceled, vec![]));
    farm.handle(Input::Credits { worker, free_slots: 1 });
    farm.handle(Input::Retry { request: 3, job });
    assert_eq!(farm.grant(), (worker, lease(1, 1, 1)));
}

#[test]
fn blocked_tasks_survive_a_restart() {
    let mut farm = Farm::new();
    farm.worker("a", 1);
    let job = farm.submit(job_of("one", &[&[], &[0]]));
    farm.restart();
    assert_eq!(farm.task(job, 1), TaskEvent::Blocked);
    let a = farm.connect("a", capabilities(1, 8), &[lease(1, 0, 1)]);
    farm.handle(Input::Credits { worker: a, free_slots: 1 });
    farm.report(a, lease(1, 0, 1), succeeded());
    assert_eq!(farm.grant().1.task, TaskIndex(1));
}

#[test]
fn a_dependent_that_is_ready_too_early_breaks_an_invariant() {
    let mut farm = Farm::new();
    let job = farm.submit(job_of("one", &[&[], &[0]]));
    let mut planted = farm.core.clone();
    planted.ledger.set_state(TaskKey { job, task: TaskIndex(1) }, TaskState::ready());
    let broken = invariants::check_all(&planted).expect_err("its input is not there");
    assert_eq!(broken.invariant, "dependents wait for their inputs");
}

#[test]
fn a_chain_of_a_hundred_thousand_queues_only_its_head_and_fails_without_recursion() {
    let mut core = Core::new(Config::default(), Epoch(1), 1);
    let chain = (0..100_000).map(|number: u32| Needs {
        after: number.checked_sub(1).map(TaskIndex).into_iter().collect(),
        ..needs(&number.to_string())
    });
    let submission = Submission { tasks: chain.collect(), ..submission("chain", 0) };
    core.handle(1, Input::Submit { request: 1, submission });
    assert_eq!(core.ledger.waiting.queue.demands().count(), 1);
    let worker = WorkerId(1);
    let hello = hello("a", capabilities(1, 8));
    core.handle(2, Input::Connect { worker, hello });
    core.handle(3, Input::Credits { worker, free_slots: 1 });
    let outcome = failed(FailureKind::Input);
    core.handle(4, Input::Report { worker, lease: lease(1, 0, 1), outcome });
    assert_eq!(
        core.jobs().next().map(|job| (job.state, job.failed)),
        Some((JobState::Failed, 100_000))
    );
}

#[test]
fn cycles_and_unknown_tasks_are_refused() {
    for (after, expected) in
        [(&[&[0][..]][..], (0, 0)), (&[&[1], &[]], (0, 1)), (&[&[], &[0, 7]], (1, 7))]
    {
        let error = job_of("one", after).check().expect_err("it is refused");
        let (task, after) = (TaskIndex(expected.0), TaskIndex(expected.1));
        assert_eq!(error, SubmissionError::NotBefore { task, after });
    }
}
