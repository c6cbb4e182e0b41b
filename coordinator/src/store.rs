//! Where facts are kept.

mod memory;
mod sqlite;

use std::path::PathBuf;

use impasto_core::Fact;
use impasto_types::Epoch;

pub use memory::MemoryStore;
pub use sqlite::SqliteStore;

/// Keeps the core's facts, in order. Its calls block; the driver makes them on a thread that may.
pub trait Store: Send + std::fmt::Debug {
    /// Begins the next epoch, durably, and gives its number, from 1: a lease tells by it which
    /// coordinator granted it.
    ///
    /// # Errors
    /// It cannot be kept.
    fn begin_epoch(&mut self) -> Result<Epoch, StoreError>;

    /// Every fact that was appended, in order.
    ///
    /// # Errors
    /// They cannot be read, or one of them does not parse.
    fn load(&mut self) -> Result<Vec<Fact>, StoreError>;

    /// Appends facts: all of them, durably, or none.
    ///
    /// # Errors
    /// They cannot be kept.
    fn append(&mut self, facts: &[Fact]) -> Result<(), StoreError>;
}

/// Why facts were not kept or not read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot open the store {}", path.display())]
    Open { path: PathBuf, source: rusqlite::Error },
    #[error("the store {} is in use by another coordinator; stop that one, or choose another \
        data_dir", path.display())]
    InUse { path: PathBuf },
    #[error("the store {} is of version {found}, but this program writes version {known}; use the \
        program that wrote it", path.display())]
    Version { path: PathBuf, found: i64, known: i64 },
    #[error("the disk is full: cannot write to the store {}", path.display())]
    DiskFull { path: PathBuf, source: rusqlite::Error },
    #[error("cannot read the store {}", path.display())]
    Read { path: PathBuf, source: rusqlite::Error },
    #[error("cannot write to the store {}", path.display())]
    Write { path: PathBuf, source: rusqlite::Error },
    #[error("fact {number} of the store {} does not parse", path.display())]
    Fact { path: PathBuf, number: i64, source: serde_json::Error },
    #[error("a fact cannot be written as JSON")]
    Encode(#[source] serde_json::Error),
}

/// What every store has to do, as tests that each kind runs.
#[cfg(test)]
mod suite {
    use impasto_types::JobId;

    use super::*;

    fn canceled(job: u64) -> Fact {
        Fact::JobCanceled { job: JobId(job), at: 1_700_000_000_000 + job }
    }

    pub(super) fn facts_come_back_in_order(mut store: impl Store) {
        assert_eq!(store.load().expect("it loads"), []);
        store.append(&[canceled(2), canceled(1)]).expect("they are kept");
        store.append(&[]).expect("nothing is kept");
        store.append(&[canceled(3)]).expect("it is kept");
        assert_eq!(store.load().expect("it loads"), [canceled(2), canceled(1), canceled(3)]);
    }

    pub(super) fn epochs_rise(mut store: impl Store) {
        assert_eq!(store.begin_epoch().expect("it begins"), Epoch(1));
        assert_eq!(store.begin_epoch().expect("it begins"), Epoch(2));
    }

    pub(super) fn facts_and_epochs_outlive_the_store<S: Store>(open: impl Fn() -> S) {
        let mut store = open();
        store.begin_epoch().expect("it begins");
        store.append(&[canceled(1)]).expect("it is kept");
        drop(store);
        let mut store = open();
        assert_eq!(store.begin_epoch().expect("it begins"), Epoch(2));
        assert_eq!(store.load().expect("it loads"), [canceled(1)]);
    }
}
