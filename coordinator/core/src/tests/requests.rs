//! Requests of clients.

use impasto_types::{Attempt, FailureKind, JobId, JobState, TaskEvent};

use super::farm::{
    Farm, capabilities, failed, lease, needs, result, returned, revoke, submission, succeeded,
};
use crate::{Effect, Input, Needs, Submission};

#[test]
fn the_same_key_is_the_same_job_in_any_state() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 1);
    let job = farm.submit(submission("one", 1));
    farm.report(worker, lease(1, 0, 1), succeeded());
    farm.handle(Input::Submit { request: 2, submission: submission("one", 5) });
    assert_eq!(farm.effects, [Effect::Submitted { request: 2, job, known: true }]);
    assert_eq!(farm.core.jobs().count(), 1);
}

#[test]
fn cached_results_need_no_attempt() {
    let mut farm = Farm::new();
    farm.worker("a", 2);
    let cached = Needs { cached: Some(result("cached")), ..needs("known") };
    let job = farm
        .submit(Submission { tasks: vec![cached.clone(), needs("new")], ..submission("one", 0) });
    assert_eq!(farm.grant().1, lease(1, 1, 1));
    let expected =
        TaskEvent::Succeeded { result: result("cached"), worker: None, attempts: Attempt(0) };
    assert_eq!(farm.task(job, 0), expected);
    let done = farm.submit(Submission { tasks: vec![cached], ..submission("two", 0) });
    assert_eq!(farm.state(done), JobState::Succeeded);
    let empty = farm.submit(submission("three", 0));
    assert_eq!(farm.state(empty), JobState::Succeeded);
}

#[test]
fn a_cancel_ends_waiting_tasks_and_revokes_running_ones() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 2);
    let job = farm.submit(submission("one", 3));
    farm.handle(Input::Cancel { request: 2, job });
    assert!(matches!(farm.task(job, 2), TaskEvent::Canceled));
    assert!(farm.effects.contains(&revoke(worker, lease(1, 0, 1))));
    assert_eq!(farm.state(job), JobState::Canceling);
    farm.report(worker, lease(1, 0, 1), returned());
    assert!(matches!(farm.task(job, 0), TaskEvent::Canceled));
    farm.handle(Input::Heartbeat { worker, lease: lease(1, 1, 1), progress: None });
    assert_eq!(farm.effects, [revoke(worker, lease(1, 1, 1))], "the order is repeated");
    farm.report(worker, lease(1, 1, 1), succeeded());
    assert!(matches!(farm.task(job, 1), TaskEvent::Succeeded { .. }), "a finished result is kept");
    assert_eq!(farm.state(job), JobState::Canceled);
}

#[test]
fn a_canceling_job_ends_when_its_workers_are_lost_after_a_restart() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 1);
    let job = farm.submit(submission("one", 1));
    farm.handle(Input::Cancel { request: 2, job });
    farm.restart();
    let again = farm.connect("a", capabilities(1, 8), &[lease(1, 0, 1)]);
    assert!(farm.effects.contains(&revoke(again, lease(1, 0, 1))));
    farm.handle(Input::Disconnect { worker });
    farm.handle(Input::Disconnect { worker: again });
    farm.pass(20_000);
    assert_eq!(farm.state(job), JobState::Canceled);
}

#[test]
fn a_retry_gives_fresh_attempts_with_rising_numbers() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 2);
    let job = farm.submit(submission("one", 2));
    farm.report(worker, lease(1, 0, 1), failed(FailureKind::Input));
    farm.report(worker, lease(1, 1, 1), succeeded());
    farm.handle(Input::Credits { worker, free_slots: 1 });
    farm.handle(Input::Retry { request: 3, job });
    assert_eq!(farm.grant(), (worker, lease(1, 0, 2)));
    farm.report(worker, lease(1, 0, 1), succeeded());
    assert_eq!(farm.job(job).summary.leased, 1, "the first attempt is fenced out");
    farm.report(worker, lease(1, 0, 2), succeeded());
    assert_eq!(farm.state(job), JobState::Succeeded);
    farm.handle(Input::Retry { request: 4, job });
    assert_eq!(farm.effects, [Effect::Changed { request: 4, job }], "nothing is left to retry");
}

#[test]
fn a_retry_undoes_a_cancel() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 1);
    let job = farm.submit(submission("one", 2));
    farm.handle(Input::Cancel { request: 2, job });
    farm.handle(Input::Retry { request: 3, job });
    assert_eq!(farm.state(job), JobState::Running);
    farm.handle(Input::Credits { worker, free_slots: 1 });
    farm.report(worker, lease(1, 0, 1), returned());
    assert_eq!(farm.job(job).summary.canceled, 0);
    assert_eq!(farm.grant().1.task.0, 0);
}

#[test]
fn requests_for_unknown_jobs_are_answered() {
    let mut farm = Farm::new();
    let job = JobId(9);
    for input in [Input::Cancel { request: 1, job }, Input::Retry { request: 1, job }] {
        farm.handle(input);
        assert_eq!(farm.effects, [Effect::NoSuchJob { request: 1, job }]);
    }
}
