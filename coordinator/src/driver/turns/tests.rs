//! Turns with a store that the test can read, and that fails on demand.

use std::sync::{Mutex, MutexGuard};

use impasto_blobs::{LocalActions, LocalBlobs};
use impasto_core::{Snapshot, Submission};

use super::super::recorder::FACTS_KEPT;
use super::super::{Away, Driver};
use super::*;

/// A store that all its clones share.
#[derive(Debug, Clone, Default)]
struct Watched(Arc<Mutex<Content>>);

#[derive(Debug, Default)]
struct Content {
    led: bool,
    facts: Vec<Fact>,
    snapshots: Vec<Snapshot>,
    /// How writing fails.
    failing: Option<fn() -> StoreError>,
}

impl Watched {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().expect("nobody panicked")
    }

    fn failing(error: fn() -> StoreError) -> Self {
        let store = Self::default();
        store.content().failing = Some(error);
        store
    }

    fn has_job(&self, key: &str) -> bool {
        self.content().facts.iter().any(|fact| match fact {
            Fact::JobSubmitted { submission, .. } => submission.key == key,
            _ => false,
        })
    }

    fn write(&self, write: impl FnOnce(&mut Content)) -> Result<(), StoreError> {
        let mut content = self.content();
        match content.failing {
            Some(error) => Err(error()),
            None => {
                write(&mut content);
                Ok(())
            }
        }
    }
}

impl Store for Watched {
    fn next_epoch(&mut self) -> Result<Epoch, StoreError> {
        Ok(Epoch(1))
    }

    fn lead(&mut self, _: Epoch) -> Result<(), StoreError> {
        self.write(|content| content.led = true)
    }

    fn load(&mut self, _: &mut dyn FnMut(Stored)) -> Result<(), StoreError> {
        Ok(())
    }

    fn append(&mut self, facts: &[Fact]) -> Result<(), StoreError> {
        self.write(|content| content.facts.extend_from_slice(facts))
    }

    fn check(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn renew(&mut self, _: Epoch, snapshot: &Snapshot) -> Result<(), StoreError> {
        let mut content = self.content();
        content.failing = None;
        content.snapshots.push(snapshot.clone());
        Ok(())
    }

    fn compact(&mut self, snapshot: &Snapshot) -> Result<(), StoreError> {
        self.write(|content| content.snapshots.push(snapshot.clone()))
    }
}

fn full() -> StoreError {
    StoreError::DiskFull { store: "full".to_owned(), source: "no room".into() }
}

fn lost() -> StoreError {
    StoreError::Lost { store: "lost".to_owned(), why: "is gone".to_owned() }
}

/// A driver whose turns run until the returned token is canceled.
fn running(store: &Watched) -> (tempfile::TempDir, Driver, CancellationToken, Running) {
    let (folder, turns) = turns(store);
    let (driver, inbox) = Driver::new();
    let stop = CancellationToken::new();
    let running = tokio::spawn(turns.run(inbox, stop.clone()));
    (folder, driver, stop, running)
}

type Running = tokio::task::JoinHandle<Result<(), StoreError>>;

/// Submits until the job is accepted.
async fn accepted(driver: &Driver, key: &str) -> (JobId, bool) {
    loop {
        match driver.submit(submission(key)).await {
            Ok(accepted) => return accepted,
            Err(away) => assert!(matches!(away, Away::Outage(_)), "{away}"),
        }
        tokio::task::yield_now().await;
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
    let (_folder, driver, stop, running) = running(&store);
    for (number, key) in [(1, "a"), (2, "b")] {
        assert_eq!(driver.submit(submission(key)).await.expect("it runs"), (JobId(number), false));
        assert!(store.has_job(key) && store.content().led);
    }
    stop.cancel();
    running.await.expect("it does not panic").expect("it stops cleanly");
    assert!(matches!(driver.submit(submission("c")).await, Err(Away::Stopped)));
}

#[tokio::test]
async fn a_full_disk_holds_everything_back_until_there_is_room() {
    let store = Watched::default();
    let (_folder, driver, stop, running) = running(&store);
    accepted(&driver, "before").await;
    store.content().failing = Some(full);
    for _ in 0..2 {
        let refused = driver.submit(submission("full")).await.expect_err("nothing is accepted");
        let text = refused.to_string();
        assert!(text.contains("the disk is full") && text.contains("no room"), "{text}");
    }
    let listed = driver.jobs(false, 9).await.expect("people are answered");
    assert!(listed.iter().any(|job| job.key == "before"));
    assert!(matches!(driver.watch(JobId(1)).await, Err(Away::Outage(_))));
    assert!(matches!(driver.blobs_in_use().await, Err(Away::Outage(_))));

    store.content().failing = None;
    accepted(&driver, "after").await;
    assert!(store.has_job("after"));
    driver.watch(JobId(1)).await.expect("all are answered").expect("there is such a job");
    stop.cancel();
    running.await.expect("it does not panic").expect("it stops cleanly");
}

#[tokio::test]
async fn a_coordinator_starts_and_stops_while_the_disk_is_full() {
    let store = Watched::failing(full);
    let (_folder, driver, stop, running) = running(&store);
    while !matches!(driver.submit(submission("a")).await, Err(Away::Outage(_))) {}
    assert!(driver.jobs(false, 9).await.is_ok(), "people are answered");
    stop.cancel();
    running.await.expect("it does not panic").expect("it stops cleanly");
    assert!(!store.content().led && store.content().facts.is_empty());
}

#[tokio::test]
async fn leases_do_not_age_while_nothing_can_be_recorded() {
    let store = Watched::failing(full);
    let (_folder, mut turns) = turns(&store);
    let (_driver, mut inbox) = Driver::new();
    let (before, began) = (turns.clock.now(), Instant::now());
    let room = async {
        // The first attempt and two more.
        tokio::time::sleep(Duration::from_millis(250)).await;
        store.content().failing = None;
    };
    let stop = CancellationToken::new();
    let mut batch = Vec::new();
    let (turn, ()) = tokio::join!(turns.turn(&mut batch, &mut inbox, &stop), room);
    assert_eq!(turn.expect("it is recorded"), Turn::Recorded);
    let (outage, aged) = (began.elapsed().as_millis(), u128::from(turns.clock.now() - before));
    assert!(aged + 200 <= outage, "{aged} ms of {outage} ms have passed");
}

#[tokio::test]
async fn a_lost_store_is_made_anew_from_memory() {
    let store = Watched::default();
    let (_folder, driver, _stop, _running) = running(&store);
    accepted(&driver, "kept").await;
    store.content().failing = Some(lost);
    accepted(&driver, "new").await;
    let snapshot = store.content().snapshots.pop().expect("it is made anew");
    let mut core = Core::new(impasto_core::Config::default(), Epoch(2), 1);
    core.restore(snapshot).expect("it is of this version");
    assert_eq!(core.jobs().map(|job| job.key).collect::<Vec<_>>(), ["new", "kept"]);
}

#[tokio::test]
async fn nothing_is_sent_if_facts_can_never_be_recorded() {
    let store = Watched::failing(|| StoreError::Replaced { store: "other".to_owned() });
    let (_folder, driver, _stop, running) = running(&store);
    assert!(driver.submit(submission("a")).await.is_err());
    assert!(running.await.expect("it does not panic").is_err());
}

#[tokio::test]
async fn a_snapshot_replaces_facts() {
    let store = Watched::default();
    let (_folder, mut turns) = turns(&store);
    let (_driver, mut inbox) = Driver::new();
    turns.recorder.set_facts(FACTS_KEPT - 1);
    for key in ["a", "b"] {
        let request = turns.replies.next();
        turns
            .core
            .handle(turns.clock.now(), Input::Submit { request, submission: submission(key) });
        let stop = CancellationToken::new();
        turns.turn(&mut Vec::new(), &mut inbox, &stop).await.expect("it is kept");
    }
    let snapshots = &store.content().snapshots;
    assert_eq!(snapshots.len(), 1, "once there are enough facts");
    let mut core = Core::new(impasto_core::Config::default(), Epoch(2), 1);
    core.restore(snapshots[0].clone()).expect("it is of this version");
    assert_eq!(core.jobs().map(|job| job.key).collect::<Vec<_>>(), ["a"]);
}
