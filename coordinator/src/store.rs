//! Stores of facts.

mod farm_file;
mod memory;
mod presence;
mod sqlite;

use impasto_core::{Fact, Snapshot};
use impasto_types::Epoch;

pub use memory::MemoryStore;
pub use sqlite::SqliteStore;

/// Stores the core's facts, in order: a snapshot of older facts, and each fact since. Its calls
/// block; the driver makes them on a blocking thread.
pub trait Store: Send + std::fmt::Debug {
    /// The epoch of the next coordinator. Each lease carries the epoch of the coordinator that
    /// granted it, so no two coordinators may have the same.
    ///
    /// # Errors
    /// The last epoch cannot be read.
    fn next_epoch(&mut self) -> Result<Epoch, StoreError>;

    /// Begins an epoch, durably.
    ///
    /// # Errors
    /// The epoch cannot be written.
    fn lead(&mut self, epoch: Epoch) -> Result<(), StoreError>;

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

    /// Checks that the store still exists.
    ///
    /// # Errors
    /// It does not, or that cannot be found out.
    fn check(&mut self) -> Result<(), StoreError>;

    /// Makes a store that was [lost](StoreError::Lost) anew, with this epoch and snapshot, durably.
    ///
    /// # Errors
    /// It cannot be written; then it is still lost.
    fn renew(&mut self, epoch: Epoch, snapshot: &Snapshot) -> Result<(), StoreError>;

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
        "the store {store} is in use by another coordinator or a backup; stop that one, or choose \
         another data_dir"
    )]
    InUse { store: String },
    #[error("the store {store} cannot be written to: its file or folder is read-only")]
    ReadOnly { store: String },
    #[error(
        "the store {store} is missing or empty, but {farm_file} says that this folder belongs to a \
         farm: restore the store from a backup, or begin a new farm with --new-farm, which forgets \
         all jobs and keeps blobs and results"
    )]
    Emptied { store: String, farm_file: String },
    #[error(
        "the store {store} belongs to another farm than the folder, of which {farm_file} speaks: \
         restore the right store, or remove {farm_file} to continue the farm of this one"
    )]
    OtherFarm { store: String, farm_file: String },
    /// What the core has in memory is not in the store any more.
    #[error("the store {store} {why}")]
    Lost { store: String, why: String },
    #[error(
        "the store {store} was replaced by another file while this coordinator ran; start it again \
         to use that file"
    )]
    Replaced { store: String },
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

impl StoreError {
    /// Whether it is the system's fault, so that a retry may help.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::DiskFull { .. } | Self::Read { .. } | Self::Write { .. } | Self::Lost { .. } => {
                true
            }
            Self::Open { .. }
            | Self::InUse { .. }
            | Self::ReadOnly { .. }
            | Self::Emptied { .. }
            | Self::OtherFarm { .. }
            | Self::Replaced { .. }
            | Self::Version { .. }
            | Self::Parse { .. }
            | Self::Encode(_) => false,
        }
    }
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

    /// Begins the next epoch.
    fn lead(store: &mut impl Store) -> u64 {
        let epoch = store.next_epoch().expect("it is read");
        store.lead(epoch).expect("it begins");
        epoch.0
    }

    pub(super) fn epochs_rise(mut store: impl Store) {
        let first = lead(&mut store);
        assert!(first > 0);
        assert_eq!(lead(&mut store), first + 1);
    }

    pub(super) fn facts_and_epochs_outlive_the_store<S: Store>(open: impl Fn() -> S) {
        let mut store = open();
        let first = lead(&mut store);
        store.compact(&snapshot("kept")).expect("it is kept");
        store.append(&[canceled(1)]).expect("it is kept");
        drop(store);
        let mut store = open();
        assert_eq!(lead(&mut store), first + 1);
        let expected = [Stored::Snapshot(Box::new(snapshot("kept"))), Stored::Fact(canceled(1))];
        assert_eq!(loaded(&mut store), expected);
    }

    /// `lose` takes the store away from the coordinator that has it open.
    pub(super) fn a_lost_store_is_made_anew<S: Store>(open: impl Fn() -> S, lose: impl Fn()) {
        let mut store = open();
        let first = lead(&mut store);
        store.append(&[canceled(1)]).expect("it is kept");
        lose();
        let noticed = store.append(&[canceled(2)]).expect_err("it is lost");
        assert!(matches!(noticed, StoreError::Lost { .. }), "{noticed}");
        assert!(matches!(store.check(), Err(StoreError::Lost { .. })));
        store.renew(Epoch(first), &snapshot("kept")).expect("it is made anew");
        store.check().expect("it is there");
        store.append(&[canceled(3)]).expect("it is kept");
        drop(store);
        let mut store = open();
        assert_eq!(lead(&mut store), first + 1, "it is the same farm");
        let expected = [Stored::Snapshot(Box::new(snapshot("kept"))), Stored::Fact(canceled(3))];
        assert_eq!(loaded(&mut store), expected);
    }
}
