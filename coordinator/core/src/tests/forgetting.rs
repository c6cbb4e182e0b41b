//! Ended jobs are forgotten, and snapshots replace facts.

use impasto_types::JobId;

use crate::invariants::check_all;

use super::farm::{Farm, lease, submission, succeeded};
use crate::{Config, Core, Effect, Fact, Input, Snapshot};

fn farm(keep_jobs: usize) -> Farm {
    Farm::with(Config { keep_jobs, keep_jobs_ms: 1_000, ..Config::default() })
}

fn known(farm: &Farm) -> Vec<u64> {
    farm.core.jobs().map(|job| job.job.0).collect()
}

#[test]
fn ended_jobs_are_forgotten_by_number() {
    let mut farm = farm(2);
    farm.submit(submission("open", 1));
    for key in ["a", "b", "c"] {
        farm.submit(submission(key, 0));
    }
    assert_eq!(known(&farm), [4, 3, 1], "an open job does not count");
}

#[test]
fn ended_jobs_are_forgotten_by_age_unless_they_are_retried() {
    let mut farm = farm(10);
    let worker = farm.worker("a", 1);
    let first = farm.submit(submission("first", 1));
    let second = farm.submit(submission("second", 1));
    farm.handle(Input::Cancel { request: 2, job: second });
    farm.report(worker, lease(first.0, 0, 1), succeeded());
    farm.pass(999);
    farm.handle(Input::Retry { request: 3, job: second });
    farm.pass(1);
    assert_eq!(known(&farm), [second.0]);
    assert!(matches!(farm.facts.last(), Some(Fact::JobForgotten { job, .. }) if *job == first));
}

#[test]
fn a_forgotten_jobs_key_can_be_reused_but_not_its_number() {
    let mut farm = farm(0);
    let first = farm.submit(submission("key", 0));
    assert!(known(&farm).is_empty());
    farm.handle(Input::Cancel { request: 2, job: first });
    assert_eq!(farm.effects, [Effect::NoSuchJob { request: 2, job: first }]);
    farm.restart();
    assert_eq!(farm.submit(submission("key", 1)), JobId(2));
}

#[test]
fn jobs_that_ended_before_a_restart_are_forgotten_too() {
    let mut farm = farm(10);
    farm.submit(submission("one", 0));
    let snapshot = farm.core.snapshot();
    let mut core = Core::new(*farm.core.config(), impasto_types::Epoch(2), 1);
    core.restore(snapshot).expect("it is of this version");
    core.resume(farm.now);
    check_all(&core).expect("the invariants hold");
    assert_eq!(core.next_timeout(), Some(farm.now + 1_000));
    core.handle(farm.now + 1_000, Input::Tick);
    assert_eq!(core.jobs().count(), 0);
}

#[test]
fn a_snapshot_of_another_version_is_refused_and_unknown_fields_are_not() {
    let mut farm = Farm::new();
    farm.submit(submission("one", 2));
    let mut stored = serde_json::to_value(farm.core.snapshot()).expect("it serialises");
    stored["mood"] = "good".into();
    stored["jobs"][0]["tasks"][0]["mood"] = "good".into();
    let read: Snapshot = serde_json::from_value(stored.clone()).expect("it parses");
    assert_eq!(read, farm.core.snapshot());
    stored["version"] = 9.into();
    let newer: Snapshot = serde_json::from_value(stored).expect("it parses");
    let mut core = Core::new(Config::default(), impasto_types::Epoch(1), 1);
    assert_eq!(core.restore(newer).expect_err("it is newer").found, 9);
}

#[test]
fn facts_of_today_without_later_fields_still_parse() {
    let ended = r#"{"fact":"attempt-ended","lease":{"job":1,"task":0,"attempt":1,"epoch":1},"at":5,
        "worker":"a","kind":"transient","message":"no","counted":true,"not_before":9,
        "mood":"bad"}"#;
    let fact: Fact = serde_json::from_str(ended).expect("it parses");
    assert!(matches!(fact, Fact::AttemptEnded(ended) if ended.checkpoint.is_none()));
}
