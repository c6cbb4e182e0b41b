//! Grants that do not arrive, results that the store loses, and reports that are not true.

use impasto_types::{
    BlobRef, FailureKind, Hello, JobState, LeaseOutcome, TaskEvent, TaskIndex, WorkerState,
};

use super::farm::{Farm, capabilities, failed, hello, lease, needs, result, submission, succeeded};
use crate::{Input, Needs, Submission};

fn counted(farm: &Farm) -> u32 {
    let tasks = farm.core.ledger.jobs.values().flat_map(|job| &job.tasks);
    tasks.map(|task| task.tries.counted).sum()
}

#[test]
fn a_thousand_grants_that_were_not_sent_are_nobodys_attempts() {
    let mut farm = Farm::new();
    let worker = farm.connect("a", capabilities(1_024, 2_048), &[]);
    let job = farm.submit(submission("all", 1_024));
    farm.handle(Input::Credits { worker, free_slots: 1_024 });
    let leases = farm.leases(worker);
    assert_eq!(leases.len(), 1_024);
    farm.handle(Input::NotSent { worker, leases: leases[256..].to_vec() });
    // They are granted again at once, by the credit that came back.
    assert_eq!((farm.granted().len(), farm.job(job).summary.leased), (768, 1_024));
    farm.handle(Input::NotSent { worker, leases: farm.leases(worker)[256..].to_vec() });
    farm.handle(Input::Disconnect { worker });
    // The same process has read a hundred of the rest.
    let held = &leases[..100];
    let again = farm.connect("a", capabilities(1_024, 2_048), held);
    assert_eq!((farm.leases(again), counted(&farm)), (held.to_vec(), 0));
    farm.handle(Input::Credits { worker: again, free_slots: 924 });
    // Those that the process never got are tried again a little later, and those that were not sent
    // before, later.
    farm.pass(10_000);
    assert_eq!(farm.job(job).summary.leased, 1_024);
    let tasks = &farm.core.ledger.jobs[&job].tasks;
    assert!(tasks.iter().all(|task| !task.tries.alone && task.tries.avoid.is_empty()));
}

#[test]
fn what_another_process_does_not_know_of_may_have_crashed_the_worker() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 1);
    farm.submit(submission("one", 1));
    farm.handle(Input::Disconnect { worker });
    farm.connect_as(Hello { instance: 2, ..hello("a", capabilities(1, 8)) });
    assert_eq!(counted(&farm), 1);
}

#[test]
fn a_grant_that_its_worker_knows_is_lost_if_it_is_no_longer_named() {
    for (named, expected) in [(false, 0), (true, 1)] {
        let mut farm = Farm::new();
        let worker = farm.worker("a", 2);
        farm.submit(submission("one", 2));
        for nth in 0..14 {
            farm.pass(5_000);
            farm.handle(Input::Heartbeat { worker, lease: lease(1, 0, 1), progress: None });
            if named && nth == 0 {
                farm.handle(Input::Heartbeat { worker, lease: lease(1, 1, 1), progress: None });
            }
        }
        assert_eq!((counted(&farm), farm.leases(worker).len()), (expected, 1), "{named}");
        assert_eq!(farm.core.workers()[0].failures, 1, "the worker is noted");
    }
}

#[test]
fn a_late_hello_ends_no_lease() {
    let mut farm = Farm::new();
    let early = farm.connect("a", capabilities(1, 8), &[]);
    let worker = farm.worker("a", 1);
    farm.submit(submission("one", 1));
    for away in [false, true] {
        if away {
            farm.handle(Input::Disconnect { worker });
        }
        for late in [early, worker] {
            farm.handle(Input::Connect { worker: late, hello: hello("a", capabilities(1, 8)) });
            assert_eq!(farm.core.workers()[0].leases, [lease(1, 0, 1)], "{away}");
        }
    }
}

fn pair() -> Submission {
    let second = Needs { after: vec![TaskIndex(0)], ..needs("second") };
    Submission { tasks: vec![needs("first"), second], ..submission("pair", 0) }
}

/// The result of the first task is missing.
fn starved() -> LeaseOutcome {
    LeaseOutcome::Starved { missing: result("picture").blobs().collect() }
}

#[test]
fn a_lost_result_is_made_again_for_the_task_that_reads_it() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 2);
    let job = farm.submit(pair());
    farm.report(worker, lease(1, 0, 1), succeeded());
    farm.report(worker, lease(1, 1, 1), starved());
    assert_eq!(farm.task(job, 1), TaskEvent::Blocked);
    farm.restart();
    let worker = farm.worker("a", 2);
    farm.handle(Input::Credits { worker, free_slots: 2 });
    let again = farm.leases(worker);
    assert_eq!((again.len(), again[0].task, again[0].attempt.0), (1, TaskIndex(0), 2));
    farm.report(worker, again[0], succeeded());
    let second = farm.leases(worker);
    farm.report(worker, second[0], succeeded());
    assert_eq!((farm.state(job), counted(&farm)), (JobState::Succeeded, 0));
}

#[test]
fn a_result_that_is_lost_again_and_again_fails_its_reader() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 2);
    let job = farm.submit(pair());
    for _ in 0..4 {
        let first = farm.leases(worker)[0];
        farm.report(worker, first, succeeded());
        let second = farm.leases(worker)[0];
        assert_eq!((first.task, second.task), (TaskIndex(0), TaskIndex(1)));
        farm.report(worker, second, starved());
        farm.handle(Input::Credits { worker, free_slots: 2 });
    }
    let TaskEvent::Failed { message, .. } = farm.task(job, 1) else { panic!("it has failed") };
    assert_eq!(message, "the store has lost the results of tasks 0, which have run again before");
}

#[test]
fn nothing_is_made_again_for_a_canceled_job() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 2);
    let job = farm.submit(pair());
    farm.report(worker, lease(1, 0, 1), succeeded());
    farm.handle(Input::Cancel { request: 1, job });
    farm.report(worker, lease(1, 1, 1), starved());
    assert!(matches!(farm.task(job, 0), TaskEvent::Succeeded { .. }));
    assert_eq!(farm.state(job), JobState::Canceled);
}

#[test]
fn another_worker_looks_at_an_input_before_it_is_believed_to_be_at_fault() {
    let mut farm = Farm::new();
    let liar = farm.worker("liar", 1);
    let job = farm.submit(submission("fine", 5));
    let honest = farm.worker("sound", 1);
    for _ in 0..20 {
        for (worker, outcome) in [(liar, failed(FailureKind::Input)), (honest, succeeded())] {
            for lease in farm.leases(worker) {
                farm.report(worker, lease, outcome.clone());
            }
            farm.handle(Input::Credits { worker, free_slots: 1 });
        }
    }
    assert_eq!(farm.state(job), JobState::Succeeded);
    let workers = farm.core.workers();
    let why = workers[0].benched.as_ref().expect("it is benched").reason.clone();
    assert_eq!(why, "it found fault with an input that worker sound could paint");
    // What both say is true.
    farm.handle(Input::Disconnect { worker: liar });
    let other = farm.worker("other", 1);
    let bad = farm.submit(submission("bad", 1));
    for _ in 0..2 {
        for worker in [honest, other] {
            for lease in farm.leases(worker) {
                farm.report(worker, lease, failed(FailureKind::Input));
            }
        }
    }
    assert_eq!(farm.state(bad), JobState::Failed);
    assert!(
        farm.core.workers().iter().filter(|w| w.name.as_str() != "liar").all(|w| w.failures == 0)
    );
}

#[test]
fn a_worker_that_misses_what_is_there_is_passed_over_and_benched() {
    let mut farm = Farm::new();
    let blind = farm.worker("blind", 1);
    let job = farm.submit(submission("fine", 3));
    let honest = farm.connect("sound", capabilities(1, 8), &[]);
    for _ in 0..3 {
        for lease in farm.leases(blind) {
            farm.report(blind, lease, LeaseOutcome::Starved { missing: vec![] });
        }
        farm.handle(Input::Credits { worker: blind, free_slots: 1 });
    }
    assert!(farm.core.workers()[0].benched.is_some());
    for _ in 0..10 {
        farm.pass(2_000);
        for lease in farm.leases(honest) {
            farm.report(honest, lease, succeeded());
        }
        farm.handle(Input::Credits { worker: honest, free_slots: 1 });
    }
    assert_eq!(farm.state(job), JobState::Succeeded);
}

#[test]
fn a_task_waits_for_its_clients_blobs_and_for_lost_results_in_turn() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 2);
    let job = farm.submit(pair());
    farm.report(worker, lease(1, 0, 1), succeeded());
    let mut missing: Vec<BlobRef> = result("picture").blobs().collect();
    missing.push(BlobRef::of(b"style"));
    farm.report(worker, lease(1, 1, 1), LeaseOutcome::Starved { missing });
    farm.handle(Input::Credits { worker, free_slots: 2 });
    let again = farm.leases(worker)[0];
    farm.report(worker, again, succeeded());
    let second = farm.leases(worker)[0];
    let missing = vec![BlobRef::of(b"style")];
    farm.report(worker, second, LeaseOutcome::Starved { missing: missing.clone() });
    let TaskEvent::Ready { missing: found, .. } = farm.task(job, 1) else { panic!("it waits") };
    assert_eq!(found, missing);
}

#[test]
fn a_worker_that_has_finished_is_shown_as_drained() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 1);
    farm.submit(submission("one", 1));
    farm.handle(Input::Drain { worker, now: false });
    let mut early = farm.core.clone();
    early.handle(farm.now, Input::Disconnect { worker });
    assert_eq!(early.workers()[0].state, WorkerState::Lost, "it has not finished");
    farm.report(worker, lease(1, 0, 1), succeeded());
    farm.handle(Input::Disconnect { worker });
    assert_eq!(farm.core.workers()[0].state, WorkerState::Drained);
    farm.worker("a", 1);
    assert_eq!(farm.core.workers()[0].state, WorkerState::Idle);
}
