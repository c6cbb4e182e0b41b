//! Workers that vanish, come back, go silent; coordinators that restart.

use impasto_types::Attempt;

use super::farm::{Farm, capabilities, lease, submission, succeeded};
use crate::{Effect, Input, JobState, TaskEvent, WorkerState};

#[test]
fn a_lease_survives_a_disconnect() {
    let mut farm = Farm::new();
    let first = farm.worker("a", 1);
    let job = farm.submit(submission("one", 1));
    farm.handle(Input::Disconnect { worker: first });
    assert_eq!(farm.core.workers()[0].state, WorkerState::Lost);
    farm.pass(19_999);
    let second = farm.connect("a", capabilities(1, 8), &[lease(1, 0, 1)]);
    assert!(farm.effects.contains(&Effect::Welcome { worker: second, stale: vec![] }));
    farm.pass(20_000);
    farm.report(second, lease(1, 0, 1), succeeded());
    assert_eq!(farm.state(job), JobState::Succeeded);
}

#[test]
fn a_worker_that_stays_away_loses_its_lease_and_an_attempt() {
    let mut farm = Farm::new();
    let first = farm.worker("a", 1);
    let job = farm.submit(submission("one", 1));
    farm.handle(Input::Disconnect { worker: first });
    farm.pass(20_000);
    let TaskEvent::Ready { message, attempts: Attempt(1), .. } = farm.task(job, 0) else {
        panic!("it waits")
    };
    assert_eq!(message, "worker a was lost");
    let second = farm.connect("a", capabilities(1, 8), &[lease(1, 0, 1)]);
    assert!(
        farm.effects.contains(&Effect::Welcome { worker: second, stale: vec![lease(1, 0, 1)] })
    );
}

#[test]
fn a_worker_that_comes_back_without_its_lease_has_lost_it() {
    let mut farm = Farm::new();
    farm.worker("a", 1);
    let job = farm.submit(submission("one", 1));
    farm.worker("a", 1);
    let TaskEvent::Ready { message, .. } = farm.task(job, 0) else { panic!("it waits") };
    assert_eq!(message, "worker a came back without it");
}

#[test]
fn a_newer_connection_replaces_an_older_one() {
    let mut farm = Farm::new();
    let first = farm.worker("a", 1);
    let job = farm.submit(submission("one", 1));
    let second = farm.connect("a", capabilities(1, 8), &[lease(1, 0, 1)]);
    assert!(farm.effects.contains(&Effect::Dismiss { worker: first }));
    farm.handle(Input::Disconnect { worker: first });
    farm.handle(Input::Report { worker: first, lease: lease(1, 0, 1), outcome: succeeded() });
    assert_eq!(farm.effects, [], "the worker reports over its new connection");
    farm.report(second, lease(1, 0, 1), succeeded());
    assert_eq!(farm.state(job), JobState::Succeeded);
}

#[test]
fn a_lease_survives_a_restart_of_the_coordinator() {
    let mut farm = Farm::new();
    farm.worker("a", 1);
    farm.worker("b", 1);
    let job = farm.submit(submission("one", 2));
    farm.restart();
    let a = farm.connect("a", capabilities(1, 8), &[lease(1, 0, 1)]);
    farm.report(a, lease(1, 0, 1), succeeded());
    assert!(matches!(farm.task(job, 0), TaskEvent::Succeeded { .. }));
    farm.pass(20_000);
    assert!(
        matches!(farm.task(job, 1), TaskEvent::Ready { attempts: Attempt(1), .. }),
        "b did not come back"
    );
}

#[test]
fn silence_ends_the_connection_and_its_leases() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 2);
    let job = farm.submit(submission("one", 2));
    farm.pass(29_999);
    assert_eq!(farm.job(job).summary.leased, 2);
    farm.pass(1);
    assert!(farm.effects.contains(&Effect::Dismiss { worker }));
    assert_eq!(farm.job(job).summary.ready, 2);
}

#[test]
fn a_grant_that_was_lost_on_the_way_ends_alone() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 2);
    let job = farm.submit(submission("one", 2));
    for _ in 0..6 {
        farm.pass(5_000);
        farm.handle(Input::Heartbeat { worker, lease: lease(1, 0, 1), progress: None });
    }
    assert!(matches!(farm.task(job, 0), TaskEvent::Leased { .. }));
    assert!(matches!(farm.task(job, 1), TaskEvent::Ready { .. }), "nobody ever spoke of it");
}

#[test]
fn a_heartbeat_for_what_is_not_its_own_is_answered_with_a_revoke() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 1);
    farm.handle(Input::Heartbeat { worker, lease: lease(3, 1, 4), progress: None });
    assert_eq!(farm.effects, [Effect::Revoke { worker, lease: lease(3, 1, 4) }]);
}

#[test]
fn a_machine_that_slept_does_not_take_its_workers_for_dead() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 1);
    let job = farm.submit(submission("one", 1));
    farm.now += 3_600_000;
    farm.handle(Input::Tick);
    assert_eq!(farm.job(job).summary.leased, 1);
    farm.handle(Input::Heartbeat { worker, lease: lease(1, 0, 1), progress: None });
    farm.pass(29_999);
    assert_eq!(farm.job(job).summary.leased, 1);
    farm.pass(1);
    assert_eq!(farm.job(job).summary.leased, 0, "but listens from then on");
}

#[test]
fn a_lost_worker_leaves_the_list_in_time() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 1);
    farm.handle(Input::Disconnect { worker });
    farm.pass(599_999);
    assert_eq!(farm.core.workers().len(), 1);
    farm.pass(1);
    assert_eq!(farm.core.workers(), []);
    assert_eq!(farm.core.next_timeout(), None);
}
