//! This version reads what version 0.1.0 stored, and writes it unchanged.

use std::path::PathBuf;

use impasto_types::{
    Attempt, BlobRef, Digest, Epoch, FailureKind, JobId, LeaseId, TaskIndex, WorkerName,
};

use super::farm::{durable, needs, result};
use crate::{AttemptEnded, Config, Core, Fact, Millis, Needs, Snapshot, Submission};

const AT: Millis = 1_700_000_000_000;

fn stored(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/stored/0.1.0/facts");
    std::fs::read_to_string(PathBuf::from(folder).join(name)).expect("it is there")
}

fn submission(key: &str, tasks: Vec<Needs>) -> Submission {
    let (project, spec) = ("village".to_owned(), Digest::of(b"spec"));
    Submission { key: key.to_owned(), project, priority: -1, spec, tasks }
}

/// Every kind of fact, in an order in which they can happen.
fn facts() -> Vec<Fact> {
    let worker: WorkerName = "painter-2".parse().expect("a name");
    let lease = |job, task, attempt| LeaseId {
        job: JobId(job),
        task: TaskIndex(task),
        attempt: Attempt(attempt),
        epoch: Epoch(3),
    };
    let leased =
        |lease| Fact::TaskLeased { lease, worker: worker.clone(), at: AT + 1, process: None };
    let ended = |lease, kind, counted, checkpoint| {
        Fact::AttemptEnded(AttemptEnded {
            lease,
            at: AT + 2,
            worker: worker.clone(),
            kind,
            message: "out of memory".to_owned(),
            counted,
            not_before: AT + 5,
            checkpoint,
            spared: false,
            reprieve: false,
            missing: vec![],
            lost: vec![],
        })
    };
    let tasks = vec![
        needs("first"),
        Needs { after: vec![TaskIndex(0)], ..needs("second") },
        Needs { cached: Some(result("third")), ..needs("third") },
        needs("fourth"),
    ];
    let (first, other) = (JobId(1), JobId(2));
    vec![
        Fact::JobSubmitted { job: first, at: AT, submission: submission("one", tasks) },
        leased(lease(1, 0, 1)),
        ended(lease(1, 0, 1), None, false, Some(BlobRef::of(b"checkpoint"))),
        leased(lease(1, 0, 2)),
        Fact::TaskSucceeded {
            job: first,
            task: TaskIndex(0),
            at: AT + 3,
            worker: Some(worker.clone()),
            result: result("first"),
        },
        leased(lease(1, 1, 1)),
        ended(lease(1, 1, 1), Some(FailureKind::Transient), true, None),
        Fact::TaskFailed {
            job: first,
            task: TaskIndex(3),
            at: AT + 4,
            message: "not an image".to_owned(),
        },
        Fact::JobSubmitted { job: other, at: AT, submission: submission("two", vec![]) },
        Fact::JobForgotten { job: other, at: AT + 6 },
        Fact::JobCanceled { job: first, at: AT + 7 },
        Fact::JobRetried { job: first, at: AT + 8 },
        leased(lease(1, 3, 1)),
    ]
}

fn replayed(facts: &[Fact]) -> Core {
    let mut core = Core::new(Config::default(), Epoch(4), 1);
    for fact in facts {
        core.replay(fact).expect("it follows from those before");
    }
    core
}

#[test]
fn facts_of_version_0_1_0_are_read() {
    let read: Vec<Fact> = stored("facts.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).expect("a fact"))
        .collect();
    assert_eq!(read, facts());
    replayed(&read);
}

#[test]
fn facts_are_written_as_in_version_0_1_0() {
    let facts = facts();
    let written = facts.iter().map(|fact| serde_json::to_string(fact).expect("it is written"));
    let text = stored("facts.jsonl");
    assert_eq!(written.collect::<Vec<_>>(), text.lines().collect::<Vec<_>>());
}

#[test]
fn a_snapshot_of_version_0_1_0_is_read_and_written_unchanged() {
    let text = stored("snapshot.json");
    let snapshot: Snapshot = serde_json::from_str(&text).expect("a snapshot");
    let expected = replayed(&facts());
    assert_eq!(snapshot, expected.snapshot());
    let mut restored = Core::new(Config::default(), Epoch(4), 1);
    restored.restore(snapshot).expect("it is of this version");
    assert_eq!(durable(&restored), durable(&expected));
    let written = serde_json::to_string(&expected.snapshot()).expect("it is written");
    assert_eq!(written, text.trim_end());
}
