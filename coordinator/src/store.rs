//! Stores of facts.

mod memory;
mod sqlite;

use impasto_core::{Fact, Snapshot};
use impasto_types::Epoch;

pub use memory::MemoryStore;
pub use sqlite::SqliteStore;

/// Stores the core's facts, in order: a snapshot of older facts, and each fact since. Its calls
/// block; the driver makes them on a blocking thread.
pub trait Store: Send + std::fmt::Debug {
    /// Begins the next epoch, durably, and returns its number, from 1. Each lease carries the epoch
    /// of the coordinator that granted it.
    ///
    /// # Errors
    /// The epoch cannot be written.
    fn lead(&mut self) -> Result<Epoch, StoreError>;

    /// Calls `take` with the last snapshot, if there is one, and then with every fact since, in
    /// order.
    ///
    /// # Errors
    /// An entry cannot be read or does not parse.
    fn load(&mut self, take: &mut dyn FnMut(Stored)) -> Result<(), StoreError>;

    /// Appends all facts durably, or none.
    ///
    /// # Errors
    /// The facts cannot be written.
    fn append(&mut self, facts: &[Fact]) -> Result<(), StoreError>;

    /// Replaces all facts so far by a snapshot of them, durably, or changes nothing.
    ///
    /// # Errors
    /// The snapshot cannot be written; the facts still exist.
    fn compact(&mut self, snapshot: &Snapshot) -> Result<(), StoreError>;
}

/// An entry that a store loads.
#[derive(Debug, Clone, PartialEq)]
pub enum Stored {
    Snapshot(Box<Snapshot>),
    Fact(Fact),
}

/// The error of a store's implementation.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why facts could not be written or read. `store` identifies the store, for example by a file's
/// path.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot open the store {store}")]
    Open { store: String, source: Cause },
    #[error(
        "the store {store} is in use by another coordinator; stop that one, or choose another \
         data_dir"
    )]
    InUse { store: String },
    #[error(
        "the store {store} has version {found}, but this program writes version {known}; use \
         the program that wrote it"
    )]
    Version { store: String, found: i64, known: i64 },
    #[error("the disk is full: cannot write to the store {store}")]
    DiskFull { store: String, source: Cause },
    #[error("cannot read the store {store}")]
    Read { store: String, source: Cause },
    #[error("cannot write to the store {store}")]
    Write { store: String, source: Cause },
    /// `what` is `fact 7` or `the snapshot`.
    #[error("{what} of the store {store} does not parse")]
    Parse { store: String, what: String, source: serde_json::Error },
    #[error("cannot write an entry as JSON")]
    Encode(#[source] serde_json::Error),
}

/// Tests for every store that outlives its process.
#[cfg(test)]
mod suite {
    use impasto_core::{Config, Core, Input, Submission};
    use impasto_types::{Digest, JobId};

    use super::*;

    fn canceled(job: u64) -> Fact {
        Fact::JobCanceled { job: JobId(job), at: 1_700_000_000_000 + job }
    }

    fn loaded(store: &mut impl Store) -> Vec<Stored> {
        let mut stored = Vec::new();
        store.load(&mut |entry| stored.push(entry)).expect("it loads");
        stored
    }

    /// A snapshot of a job without tasks.
    fn snapshot(key: &str) -> Snapshot {
        let mut core = Core::new(Config::default(), Epoch(1), 1);
        let submission = Submission {
            key: key.to_owned(),
            project: "village".to_owned(),
            priority: 0,
            spec: Digest::of(b"spec"),
            tasks: vec![],
        };
        core.handle(1, Input::Submit { request: 1, submission });
        core.snapshot()
    }

    pub(super) fn facts_come_back_in_order(mut store: impl Store) {
        assert_eq!(loaded(&mut store), []);
        store.append(&[canceled(2), canceled(1)]).expect("they are kept");
        store.append(&[]).expect("nothing is kept");
        store.append(&[canceled(3)]).expect("it is kept");
        let expected = [canceled(2), canceled(1), canceled(3)].map(Stored::Fact);
        assert_eq!(loaded(&mut store), expected);
    }

    pub(super) fn a_snapshot_takes_the_place_of_facts(mut store: impl Store) {
        for key in ["first", "second"] {
            store.append(&[canceled(1)]).expect("it is kept");
            store.compact(&snapshot(key)).expect("it is kept");
            assert_eq!(loaded(&mut store), [Stored::Snapshot(Box::new(snapshot(key)))]);
        }
        store.append(&[canceled(2)]).expect("it is kept");
        let expected = [Stored::Snapshot(Box::new(snapshot("second"))), Stored::Fact(canceled(2))];
        assert_eq!(loaded(&mut store), expected);
    }

    pub(super) fn epochs_rise(mut store: impl Store) {
        assert_eq!(store.lead().expect("it begins"), Epoch(1));
        assert_eq!(store.lead().expect("it begins"), Epoch(2));
    }

    pub(super) fn facts_and_epochs_outlive_the_store<S: Store>(open: impl Fn() -> S) {
        let mut store = open();
        store.lead().expect("it begins");
        store.compact(&snapshot("kept")).expect("it is kept");
        store.append(&[canceled(1)]).expect("it is kept");
        drop(store);
        let mut store = open();
        assert_eq!(store.lead().expect("it begins"), Epoch(2));
        let expected = [Stored::Snapshot(Box::new(snapshot("kept"))), Stored::Fact(canceled(1))];
        assert_eq!(loaded(&mut store), expected);
    }
}
