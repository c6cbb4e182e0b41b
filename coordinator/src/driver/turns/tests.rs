//! Turns with a store that the test can read.

use impasto_blobs::{LocalActions, LocalBlobs};
use impasto_core::{Fact, Snapshot, Submission};

use super::super::Driver;
use super::*;

/// A store whose facts the test can read, and that fails on demand.
#[derive(Debug, Clone, Default)]
struct Watched {
    facts: Arc<Mutex<Vec<Fact>>>,
    snapshots: Arc<Mutex<Vec<Snapshot>>>,
    full: bool,
}

impl Store for Watched {
    fn lead(&mut self) -> Result<Epoch, StoreError> {
        Ok(Epoch(1))
    }

    fn load(&mut self, _: &mut dyn FnMut(Stored)) -> Result<(), StoreError> {
        Ok(())
    }

    fn append(&mut self, facts: &[Fact]) -> Result<(), StoreError> {
        if self.full {
            return Err(StoreError::InUse { store: "full".to_owned() });
        }
        self.facts.lock().expect("nobody panicked").extend_from_slice(facts);
        Ok(())
    }

    fn compact(&mut self, snapshot: &Snapshot) -> Result<(), StoreError> {
        self.snapshots.lock().expect("nobody panicked").push(snapshot.clone());
        Ok(())
    }
}

fn submission(key: &str) -> Submission {
    Submission {
        key: key.to_owned(),
        project: "p".to_owned(),
        priority: 0,
        spec: Digest::of(b"spec"),
        tasks: vec![],
    }
}

fn turns(store: &Watched) -> (tempfile::TempDir, Turns) {
    let folder = tempfile::tempdir().expect("a folder");
    let blobs = LocalBlobs::open(folder.path(), 1 << 20).expect("it opens");
    let actions = LocalActions::open(blobs).expect("it opens").into();
    let turns = Turns::resume(impasto_core::Config::default(), store.clone(), actions)
        .expect("there is nothing to resume");
    (folder, turns)
}

#[tokio::test]
async fn a_reply_comes_after_its_fact_is_durable() {
    let store = Watched::default();
    let (_folder, turns) = turns(&store);
    let (driver, commands) = Driver::new();
    let stop = CancellationToken::new();
    let running = tokio::spawn(turns.run(commands, stop.clone()));
    for (number, key) in [(1, "a"), (2, "b")] {
        assert_eq!(driver.submit(submission(key)).await.expect("it runs"), (JobId(number), false));
        let kept = store.facts.lock().expect("nobody panicked");
        let is_this = |fact: &Fact| match fact {
            Fact::JobSubmitted { submission, .. } => submission.key == key,
            _ => false,
        };
        assert!(kept.iter().any(is_this));
    }
    stop.cancel();
    running.await.expect("it does not panic").expect("it stops cleanly");
    assert!(driver.submit(submission("c")).await.is_err());
}

#[tokio::test]
async fn nothing_is_sent_if_facts_cannot_be_appended() {
    let store = Watched { full: true, ..Watched::default() };
    let (_folder, turns) = turns(&store);
    let (driver, commands) = Driver::new();
    let running = tokio::spawn(turns.run(commands, CancellationToken::new()));
    assert!(driver.submit(submission("a")).await.is_err());
    assert!(running.await.expect("it does not panic").is_err());
}

#[tokio::test]
async fn a_snapshot_replaces_facts() {
    let store = Watched::default();
    let (_folder, mut turns) = turns(&store);
    turns.facts = FACTS_KEPT - 1;
    for key in ["a", "b"] {
        let request = turns.replies.next();
        turns
            .core
            .handle(turns.clock.now(), Input::Submit { request, submission: submission(key) });
        turns.turn(Vec::new()).await.expect("it is kept");
    }
    let snapshots = store.snapshots.lock().expect("nobody panicked");
    assert_eq!(snapshots.len(), 1, "once there are enough facts");
    let mut core = Core::new(impasto_core::Config::default(), Epoch(2), 1);
    core.restore(snapshots[0].clone()).expect("it is of this version");
    assert_eq!(core.jobs().map(|job| job.key).collect::<Vec<_>>(), ["a"]);
}
