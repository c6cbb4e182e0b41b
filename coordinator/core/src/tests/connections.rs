//! Workers that disconnect, reconnect or go silent; coordinators that restart.

use impasto_types::{Attempt, Hello, JobState, TaskEvent, WorkerState};

use super::farm::{
    Farm, capabilities, hello, lease, revoke, submission, succeeded, welcome, welcome_as,
};
use crate::{Effect, Input};

#[test]
fn a_lease_survives_a_disconnect() {
    let mut farm = Farm::new();
    let first = farm.worker("a", 1);
    let job = farm.submit(submission("one", 1));
    farm.handle(Input::Disconnect { worker: first });
    assert_eq!(farm.core.workers()[0].state, WorkerState::Lost);
    farm.pass(19_999);
    let second = farm.connect("a", capabilities(1, 8), &[lease(1, 0, 1)]);
    assert!(farm.effects.contains(&welcome(second, vec![])));
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
    assert!(farm.effects.contains(&welcome(second, vec![lease(1, 0, 1)])));
}

#[test]
fn a_worker_that_reconnects_without_its_lease_has_lost_it() {
    let mut farm = Farm::new();
    let first = farm.worker("a", 1);
    let job = farm.submit(submission("one", 1));
    farm.handle(Input::Disconnect { worker: first });
    let again = farm.connect_as(Hello { instance: 2, ..hello("a", capabilities(1, 8)) });
    let TaskEvent::Ready { message, .. } = farm.task(job, 0) else { panic!("it waits") };
    assert_eq!(message, "worker a reconnected without it");
    farm.pass(2_000);
    farm.handle(Input::Credits { worker: again, free_slots: 1 });
    farm.connect_as(Hello { instance: 2, ..hello("a", capabilities(1, 8)) });
    let TaskEvent::Ready { message, .. } = farm.task(job, 0) else { panic!("it waits") };
    assert_eq!(message, "worker a never got it", "a process forgets nothing");
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
fn a_lost_grant_ends_without_affecting_the_workers_other_lease() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 2);
    let job = farm.submit(submission("one", 2));
    let mut revoked = 0;
    for _ in 0..12 {
        farm.pass(5_000);
        revoked += farm.effects.iter().filter(|e| **e == revoke(worker, lease(1, 1, 1))).count();
        farm.handle(Input::Heartbeat { worker, lease: lease(1, 0, 1), progress: None });
    }
    assert_eq!(revoked, 2, "it is taken back before it ends");
    assert!(matches!(farm.task(job, 0), TaskEvent::Leased { .. }));
    assert!(matches!(farm.task(job, 1), TaskEvent::Ready { .. }), "no heartbeat ever named it");
}

#[test]
fn a_heartbeat_for_a_stale_lease_is_answered_with_a_revoke() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 1);
    farm.handle(Input::Heartbeat { worker, lease: lease(3, 1, 4), progress: None });
    assert_eq!(farm.effects, [revoke(worker, lease(3, 1, 4))]);
}

#[test]
fn workers_are_not_lost_because_the_coordinators_machine_slept() {
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
    assert_eq!(farm.job(job).summary.leased, 0, "silence counts again afterwards");
}

#[test]
fn a_lost_worker_is_removed_from_the_list_after_a_while() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 1);
    farm.handle(Input::Disconnect { worker });
    farm.pass(599_999);
    assert_eq!(farm.core.workers().len(), 1);
    farm.pass(1);
    assert_eq!(farm.core.workers(), []);
    assert_eq!(farm.core.next_timeout(), None);
}

#[test]
fn two_processes_that_ask_for_the_same_name_get_different_ones() {
    let mut farm = Farm::new();
    let one = Hello { instance: 1, ..hello("a", capabilities(1, 8)) };
    let other = Hello { instance: 2, ..one.clone() };
    let first = farm.connect_as(one.clone());
    assert!(farm.effects.contains(&welcome(first, vec![])));
    let second = farm.connect_as(other.clone());
    assert_eq!(farm.effects, [welcome_as("a-2", second, vec![])]);
    for worker in [first, second] {
        farm.handle(Input::Credits { worker, free_slots: 1 });
    }
    let job = farm.submit(submission("one", 2));
    let held: Vec<_> = farm.granted();
    assert_eq!(held.iter().map(|(worker, _)| *worker).collect::<Vec<_>>(), [first, second]);
    // Each gets its own name again, in any order.
    farm.handle(Input::Disconnect { worker: first });
    farm.handle(Input::Disconnect { worker: second });
    let named = "a-2".parse().expect("a name");
    let second = farm.connect_as(Hello { name: named, held: vec![held[1].1], ..other });
    assert_eq!(farm.effects, [welcome_as("a-2", second, vec![])]);
    let first = farm.connect_as(Hello { held: vec![held[0].1], ..one });
    assert_eq!(farm.effects, [welcome(first, vec![])]);
    farm.report(first, held[0].1, succeeded());
    farm.report(second, held[1].1, succeeded());
    assert_eq!(farm.state(job), JobState::Succeeded);
}

#[test]
fn a_repeated_hello_keeps_the_name() {
    let mut farm = Farm::new();
    let one = Hello { instance: 1, ..hello("a", capabilities(1, 8)) };
    let other = Hello { instance: 2, ..one.clone() };
    let first = farm.connect_as(one);
    let second = farm.connect_as(other.clone());
    farm.handle(Input::Disconnect { worker: first });
    farm.handle(Input::Connect { worker: second, hello: other });
    assert_eq!(farm.effects, [welcome_as("a-2", second, vec![])], "although `a` is free by now");
    assert_eq!(farm.core.workers().len(), 2, "and `a` is lost");
}

#[test]
fn a_restarted_worker_keeps_its_name() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 1);
    let job = farm.submit(submission("one", 1));
    farm.handle(Input::Disconnect { worker });
    let again = farm.connect_as(Hello { instance: 2, ..hello("a", capabilities(1, 8)) });
    assert!(farm.effects.contains(&welcome(again, vec![])));
    assert!(matches!(farm.task(job, 0), TaskEvent::Ready { .. }), "it has lost its lease");
}
