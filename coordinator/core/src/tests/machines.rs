//! Workers and coordinators with troubles of their own, and inputs that went missing.

use impasto_types::{
    BlobRef, FailureKind, Hello, JobId, JobState, LeaseOutcome, TaskEvent, WorkerId, WorkerState,
};

use super::farm::{Farm, capabilities, failed, hello, lease, submission, succeeded};
use crate::{Effect, Input};

/// Reports an outcome for every lease of these workers, and asks for more, until nothing is open or
/// `ms` have passed.
fn work(farm: &mut Farm, workers: &[(WorkerId, LeaseOutcome)], ms: u64) {
    let end = farm.now + ms;
    while farm.now < end && farm.core.jobs().any(|job| job.ended_at_ms.is_none()) {
        for (worker, outcome) in workers {
            for lease in farm.leases(*worker) {
                farm.report(*worker, lease, outcome.clone());
            }
            farm.handle(Input::Credits { worker: *worker, free_slots: 1 });
        }
        farm.pass(500);
    }
}

fn failures(farm: &Farm, job: JobId) -> u32 {
    farm.job(job).summary.failed
}

#[test]
fn workers_with_full_disks_fail_no_task_beside_a_healthy_one() {
    for kind in [FailureKind::Machine, FailureKind::Transient] {
        let mut farm = Farm::new();
        let sick: Vec<WorkerId> = ["a", "b", "c", "d"].map(|name| farm.worker(name, 1)).into();
        let healthy = farm.worker("e", 1);
        let job = farm.submit(submission("one", 60));
        let mut workers: Vec<_> = sick.iter().map(|worker| (*worker, failed(kind))).collect();
        workers.push((healthy, succeeded()));
        work(&mut farm, &workers, 3_600_000);
        assert_eq!((farm.state(job), failures(&farm, job)), (JobState::Succeeded, 0), "{kind:?}");
    }
}

#[test]
fn a_worker_is_benched_shown_and_gets_one_task_to_prove_itself() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 4);
    let job = farm.submit(submission("one", 9));
    for task in 0..3 {
        farm.report(worker, lease(1, task, 1), failed(FailureKind::Machine));
        farm.handle(Input::Credits { worker, free_slots: 4 });
    }
    assert!(farm.effects.is_empty() || farm.granted().is_empty(), "{:?}", farm.effects);
    let info = &farm.core.workers()[0];
    assert_eq!((info.state, info.failures), (WorkerState::Busy, 3));
    assert_eq!(info.benched.as_ref().map(|bench| bench.reason.as_str()), Some("no luck"));
    // The leases that it holds are its own business.
    let held = farm.leases(worker)[0];
    farm.report(worker, held, succeeded());
    assert_eq!(farm.core.workers()[0].benched, None, "a success ends it");
    for lease in farm.leases(worker) {
        farm.report(worker, lease, failed(FailureKind::Machine));
        if farm.effects.iter().any(|effect| matches!(effect, Effect::Benched { .. })) {
            break;
        }
    }
    for lease in farm.leases(worker) {
        farm.report(worker, lease, failed(FailureKind::Machine));
    }
    assert_eq!(farm.leases(worker), []);
    assert!(farm.core.explain(job).expect("a job").iter().any(|explained| {
        explained.reason.starts_with("every worker is benched after failures: a (no luck)")
            || explained.reason.starts_with("is tried again")
    }));
    farm.beat(worker, 600_000);
    assert_eq!(farm.leases(worker).len(), 1, "a single task, although it asks for more");
    let probe = farm.leases(worker)[0];
    farm.report(worker, probe, succeeded());
    farm.handle(Input::Credits { worker, free_slots: 4 });
    assert!(farm.leases(worker).len() > 1, "it is trusted again");
}

#[test]
fn a_failure_that_several_workers_report_is_the_tasks_own() {
    for kind in [FailureKind::Machine, FailureKind::Transient] {
        let mut farm = Farm::new();
        let workers = ["a", "b", "c"].map(|name| farm.worker(name, 1));
        let bad = farm.submit(submission("bad", 1));
        let good = farm.submit(submission("good", 200));
        let end = farm.now + 3_600_000;
        while farm.now < end && farm.state(bad) != JobState::Failed {
            for worker in workers {
                for lease in farm.leases(worker) {
                    let own = if lease.job == bad { failed(kind) } else { succeeded() };
                    farm.report(worker, lease, own);
                }
                farm.handle(Input::Credits { worker, free_slots: 1 });
            }
            farm.pass(500);
        }
        assert_eq!(farm.state(bad), JobState::Failed, "{kind:?}");
        assert!(farm.job(bad).summary.failed == 1 && failures(&farm, good) == 0);
        let infos = farm.core.workers();
        assert!(infos.iter().all(|info| info.benched.is_none()), "{infos:?}");
    }
}

#[test]
fn a_worker_that_crashes_again_and_again_is_benched_by_its_name() {
    let mut farm = Farm::new();
    let healthy = farm.connect("b", capabilities(1, 8), &[]);
    let job = farm.submit(submission("one", 30));
    for instance in 1..=3 {
        let worker = farm.connect_as(Hello { instance, ..hello("a", capabilities(1, 8)) });
        farm.handle(Input::Credits { worker, free_slots: 1 });
        assert_eq!(farm.granted().len(), 1, "life {instance}");
        farm.handle(Input::Disconnect { worker });
        farm.pass(25_000);
    }
    let worker = farm.worker("a", 1);
    assert_eq!(farm.core.workers()[0].failures, 3);
    work(&mut farm, &[(healthy, succeeded()), (worker, succeeded())], 3_600_000);
    assert_eq!(farm.state(job), JobState::Succeeded);
}

#[test]
fn the_coordinators_trouble_is_nobodys_attempt() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 1);
    let job = farm.submit(submission("one", 1));
    for attempt in 1..=8 {
        farm.report(worker, lease(1, 0, attempt), failed(FailureKind::Coordinator));
        farm.handle(Input::Credits { worker, free_slots: 1 });
        farm.beat(worker, 80_000);
        assert_eq!(farm.grant(), (worker, lease(1, 0, attempt + 1)));
    }
    farm.report(worker, lease(1, 0, 9), succeeded());
    assert_eq!((farm.state(job), farm.core.workers()[0].failures), (JobState::Succeeded, 0));
}

#[test]
fn a_task_waits_for_missing_inputs_and_says_which() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 1);
    let job = farm.submit(submission("one", 1));
    let missing = vec![BlobRef::of(b"wall")];
    let starved = LeaseOutcome::Starved { missing: missing.clone() };
    farm.report(worker, lease(1, 0, 1), starved.clone());
    let TaskEvent::Ready { missing: found, .. } = farm.task(job, 0) else { panic!("it waits") };
    assert_eq!(found, missing);
    let reason = &farm.core.explain(job).expect("a job")[0].reason;
    assert!(reason.starts_with("waits until a client sends its inputs again: 1 of"), "{reason}");
    farm.restart();
    let TaskEvent::Ready { missing: found, .. } = farm.task(job, 0) else { panic!("it waits") };
    assert_eq!(found, missing, "after a restart too");
    let worker = farm.worker("a", 1);
    farm.pass(2_000);
    let leases = farm.leases(worker);
    farm.report(worker, leases[0], succeeded());
    assert_eq!(farm.state(job), JobState::Succeeded);
}

#[test]
fn a_task_whose_inputs_nobody_sends_fails_after_a_while() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 1);
    let job = farm.submit(submission("one", 1));
    let starved = LeaseOutcome::Starved { missing: vec![BlobRef::of(b"wall")] };
    let begin = farm.now;
    work(&mut farm, &[(worker, starved)], 3_600_000);
    let TaskEvent::Failed { message, .. } = farm.task(job, 0) else { panic!("it has failed") };
    assert!(message.ends_with("no client sent them within 300 s"), "{message}");
    assert!((300_000..320_000).contains(&(farm.now - begin)), "{}", farm.now - begin);
    assert_eq!(farm.core.workers()[0].failures, 0);
}

#[test]
fn the_only_worker_is_not_benched_for_failures_that_may_be_the_tasks_own() {
    let mut farm = Farm::new();
    let worker = farm.worker("a", 1);
    let job = farm.submit(submission("bad", 20));
    work(&mut farm, &[(worker, failed(FailureKind::Transient))], 600_000);
    assert_eq!((farm.state(job), failures(&farm, job)), (JobState::Failed, 20));
}
