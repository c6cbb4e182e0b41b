//! Jobs whose task list cannot be read.

use impasto_types::{JobState, LeaseId, TaskEvent, WorkerId};

use super::farm::{Farm, lease, revoke, submission, succeeded};
use crate::{Config, Input, ListFault};

fn unreadable(worker: WorkerId, lease: LeaseId, fault: ListFault) -> Input {
    let message = "the job's tasks cannot be read".to_owned();
    Input::TaskListUnreadable { worker, lease, fault, message }
}

#[test]
fn a_damaged_list_fails_its_job_at_once_and_gives_the_credit_back() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 1);
    let broken = farm.submit(submission("broken", 3));
    let (_, granted) = farm.grant();
    let other = farm.submit(submission("other", 1));
    farm.handle(unreadable(worker, granted, ListFault::Damaged));
    assert_eq!(farm.state(broken), JobState::Failed);
    assert_eq!(farm.grant(), (worker, lease(2, 0, 1)), "without asking again");
    assert!(!farm.effects.contains(&revoke(worker, granted)), "it never got that lease");
    let message = "the job's tasks cannot be read".to_owned();
    assert!(
        matches!(farm.task(broken, 2), TaskEvent::Failed { message: found, .. } if found == message)
    );
    farm.report(worker, lease(2, 0, 1), succeeded());
    assert_eq!(farm.state(other), JobState::Succeeded);
    assert_eq!(farm.core.workers()[0].failures, 0);
}

#[test]
fn the_leases_of_a_job_that_fails_are_revoked() {
    let mut farm = Farm::new();
    let one = farm.worker("a", 1);
    let job = farm.submit(submission("broken", 2));
    let two = farm.worker("b", 1);
    farm.handle(unreadable(two, lease(1, 1, 1), ListFault::Damaged));
    assert!(farm.effects.contains(&revoke(one, lease(1, 0, 1))));
    assert_eq!(farm.state(job), JobState::Failed);
}

#[test]
fn a_list_that_cannot_be_read_now_holds_back_only_its_job_and_costs_nothing() {
    let mut farm = Farm::with(Config { max_attempts: 1, ..Config::default() });
    let worker = farm.worker("a", 1);
    let job = farm.submit(submission("one", 2));
    let (_, granted) = farm.grant();
    farm.handle(unreadable(worker, granted, ListFault::Unavailable));
    assert_eq!(farm.granted(), [], "the job is held back");
    let reason = &farm.core.explain(job).expect("a job")[0].reason;
    assert!(reason.contains("cannot be read"), "{reason}");
    let other = farm.submit(submission("other", 1));
    farm.report(worker, lease(2, 0, 1), succeeded());
    assert_eq!(farm.state(other), JobState::Succeeded);
    farm.handle(Input::Credits { worker, free_slots: 1 });
    for attempt in 2..=4 {
        farm.beat(worker, 60_000);
        farm.handle(unreadable(worker, lease(1, 0, attempt), ListFault::Unavailable));
    }
    farm.beat(worker, 60_000);
    farm.report(worker, lease(1, 0, 5), succeeded());
    farm.handle(Input::Credits { worker, free_slots: 1 });
    assert_eq!(farm.grant(), (worker, lease(1, 1, 1)), "nothing holds the job back any more");
    assert!(farm.task(job, 0) != TaskEvent::Canceled && farm.core.workers()[0].failures == 0);
}

#[test]
fn a_list_that_stays_unreadable_fails_its_job() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 1);
    let job = farm.submit(submission("one", 1));
    let begin = farm.now;
    while farm.state(job) == JobState::Running {
        for lease in farm.leases(worker) {
            farm.handle(unreadable(worker, lease, ListFault::Unavailable));
        }
        farm.pass(1_000);
    }
    assert_eq!(farm.state(job), JobState::Failed);
    assert!((600_000..720_000).contains(&(farm.now - begin)), "{}", farm.now - begin);
}

#[test]
fn the_credit_of_a_worker_that_has_asked_anew_is_not_given_twice() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 1);
    farm.submit(submission("one", 1));
    farm.handle(Input::Credits { worker, free_slots: 1 });
    farm.handle(unreadable(worker, lease(1, 0, 1), ListFault::Damaged));
    assert_eq!(farm.core.asks_for(worker), Some(1));
}

#[test]
fn a_list_is_unreadable_even_if_the_worker_has_reconnected_or_the_job_is_canceled() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 1);
    let job = farm.submit(submission("one", 1));
    farm.handle(Input::Cancel { request: 2, job });
    farm.handle(unreadable(worker, lease(1, 0, 1), ListFault::Damaged));
    assert_eq!(farm.state(job), JobState::Canceled);
    let job = farm.submit(submission("two", 1));
    farm.handle(Input::Disconnect { worker });
    farm.handle(unreadable(worker, lease(2, 0, 1), ListFault::Damaged));
    assert_eq!(farm.state(job), JobState::Failed);
    farm.handle(unreadable(worker, lease(7, 0, 1), ListFault::Damaged));
}
