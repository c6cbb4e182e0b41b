//! Where facts are kept.

mod memory;
mod sqlite;

use impasto_core::{Fact, Snapshot};
use impasto_types::Epoch;

pub use memory::MemoryStore;
pub use sqlite::SqliteStore;

/// Keeps the core's facts, in order: a snapshot of all that is long past, and each fact since. Its
/// calls block; the driver makes them on a thread that may.
pub trait Store: Send + std::fmt::Debug {
    /// Takes the lead: begins the next epoch, durably, and gives its number, from 1. A lease tells
    /// by it which coordinator granted it.
    ///
    /// # Errors
    /// It cannot be kept.
    fn lead(&mut self) -> Result<Epoch, StoreError>;

    /// Hands the last snapshot to `take`, if there is one, and then every fact since, in order.
    ///
    /// # Errors
    /// They cannot be read, or one of them does not parse.
    fn load(&mut self, take: &mut dyn FnMut(Stored)) -> Result<(), StoreError>;

    /// Appends facts: all of them, durably, or none.
    ///
    /// # Errors
    /// They cannot be kept.
    fn append(&mut self, facts: &[Fact]) -> Result<(), StoreError>;

    /// Puts a snapshot of all facts so far in their place: durably, or not at all.
    ///
    /// # Errors
    /// It cannot be kept; the facts are still there.
    fn compact(&mut self, snapshot: &Snapshot) -> Result<(), StoreError>;
}

/// What a store gives back.
#[derive(Debug, Clone, PartialEq)]
pub enum Stored {
    Snapshot(Box<Snapshot>),
    Fact(Fact),
}

/// Whatever a kind of store fails with.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why facts were not kept or not read. `store` says which store it is, such as the path of a file.
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
        "the store {store} is of version {found}, but this program writes version {known}; use \
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
    #[error("what is to be kept cannot be written as JSON")]
    Encode(#[source] serde_json::Error),
}

/// What every store that outlives its process has to do, as tests that each kind runs.
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
