//! Records facts in the store.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use impasto_blobs::blocking;
use impasto_core::{Core, Fact};
use impasto_types::{Backoff, Epoch, Retries, error_text};

use crate::{Store, StoreError};

/// How many facts a restart may have to replay in any case: this takes a fraction of a second.
pub(super) const FACTS_KEPT: usize = 10_000;

/// Between attempts to store a snapshot: each writes all jobs, so they are rare.
const SNAPSHOT_BACKOFF: Backoff = Backoff { first_ms: 10_000, longest_ms: 600_000 };

/// How often a quiet coordinator checks that its store still exists.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// The store, and what it lacks.
#[derive(Debug)]
pub(super) struct Recorder {
    store: Arc<Mutex<dyn Store>>,
    epoch: Epoch,
    /// Whether the epoch is recorded.
    leads: bool,
    /// The number of facts in the store since its snapshot.
    facts: usize,
    /// When a snapshot may be tried after one that failed.
    snapshot_due: Option<Instant>,
    snapshots: Retries,
    checked: Instant,
}

impl Recorder {
    /// A recorder of a store that has been loaded and has `facts` facts.
    pub(super) fn new(store: impl Store + 'static, epoch: Epoch, facts: usize) -> Self {
        Self {
            store: Arc::new(Mutex::new(store)),
            epoch,
            leads: false,
            facts,
            snapshot_due: None,
            snapshots: Retries::new(SNAPSHOT_BACKOFF),
            checked: Instant::now(),
        }
    }

    /// Records the epoch, if it is not recorded, and then these facts, all or none. `core` is the
    /// state that they lead to: a store that was removed by another program is made anew from it.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub(super) async fn record(
        &mut self,
        facts: &Arc<[Fact]>,
        core: &Core,
    ) -> Result<(), StoreError> {
        let (appended, epoch, leads) = (Arc::clone(facts), self.epoch, self.leads);
        let recorded = self.on_store(move |store| {
            if !leads {
                store.lead(epoch)?;
            }
            if appended.is_empty() { store.check() } else { store.append(&appended) }
        });
        match recorded.await {
            Ok(()) => self.facts += facts.len(),
            Err(StoreError::Lost { store, why }) => {
                tracing::error!("the store {store} {why}");
                let snapshot = core.snapshot();
                self.on_store(move |store| store.renew(epoch, &snapshot)).await?;
                tracing::warn!("the store was made anew from memory");
                self.facts = 0;
            }
            Err(error) => return Err(error),
        }
        self.leads = true;
        self.checked = Instant::now();
        Ok(())
    }

    /// Whether there is anything to record or to check, given the number of new facts.
    pub(super) fn is_due(&self, facts: usize) -> bool {
        facts > 0 || !self.leads || self.checked.elapsed() >= CHECK_INTERVAL
    }

    /// Replaces the facts by a snapshot when there are many in proportion to the core's tasks: so
    /// the number of facts is bounded, and large snapshots are rare.
    pub(super) async fn compact(&mut self, core: &Core) {
        let is_early = self.snapshot_due.is_some_and(|due| Instant::now() < due);
        if self.facts < FACTS_KEPT + 2 * core.tasks() || is_early {
            return;
        }
        let snapshot = core.snapshot();
        match self.on_store(move |store| store.compact(&snapshot)).await {
            Ok(()) => {
                self.facts = 0;
                self.snapshot_due = None;
                self.snapshots.reset();
            }
            Err(error) => {
                // The facts still exist. No jitter: only one program writes to the store.
                let pause = self.snapshots.next(1.0);
                self.snapshot_due = Some(Instant::now() + pause);
                let (cause, retry_s) = (error_text(&error), pause.as_secs());
                tracing::warn!(cause, retry_s, "cannot store a snapshot");
            }
        }
    }

    async fn on_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Store) -> T + Send + 'static,
    ) -> T {
        let store = Arc::clone(&self.store);
        // A store that panicked fails or recovers by itself.
        blocking(move || work(&mut *store.lock().unwrap_or_else(PoisonError::into_inner))).await
    }
}

#[cfg(test)]
impl Recorder {
    pub(super) fn set_facts(&mut self, facts: usize) {
        self.facts = facts;
    }
}
