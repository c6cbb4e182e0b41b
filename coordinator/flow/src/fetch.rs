//! Downloads results from the farm and delivers them, concurrently, so that disk and network do not
//! wait for the next event.
//!
//! What waits while other fetches run is fetched together: a small result alone would cost a round
//! trip and the syncs of its folders. So a result that comes alone is delivered at once, and
//! thousands that are ready come in batches, of which few are in memory.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use impasto_project::{Project, write_together};
use impasto_types::{BlobRef, Digest, error_text};
use tokio::task::{self, JoinSet};

use crate::batch::{Fetched, Order, has_room, next_batch, place};
use crate::cache::ResultCache;
use crate::farm::{Farm, FarmError};
use crate::result_files::{ResultFiles, prepare};

/// How many batches are fetched at once. One may be a single result of some hundred megabytes.
const BATCHES_AT_ONCE: usize = 8;

/// The fetches in progress.
pub(crate) struct Fetches<F> {
    farm: F,
    project: Arc<Project>,
    /// Also stores the results of a remote farm.
    keep: Option<Arc<dyn ResultCache>>,
    waiting: VecDeque<Order>,
    running: JoinSet<Vec<Fetched>>,
    /// What the tasks of `running` fetch.
    batches: BTreeMap<task::Id, Vec<Digest>>,
    ended: VecDeque<Fetched>,
    /// What is waiting, running or ended.
    actions: BTreeSet<Digest>,
}

impl<F: Farm> Fetches<F> {
    pub(crate) fn new(farm: F, project: Arc<Project>, keep: Option<Arc<dyn ResultCache>>) -> Self {
        Self {
            farm,
            project,
            keep,
            waiting: VecDeque::new(),
            running: JoinSet::new(),
            batches: BTreeMap::new(),
            ended: VecDeque::new(),
            actions: BTreeSet::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// Whether less than a batch waits.
    pub(crate) fn has_room(&self) -> bool {
        has_room(&self.waiting)
    }

    /// Fetches a result, unless that is in progress.
    pub(crate) fn start(&mut self, order: Order) {
        if !order.wanted.is_empty() && self.actions.insert(order.action) {
            self.waiting.push_back(order);
            self.launch();
        }
    }

    /// Forgets what waits and is not being fetched yet.
    pub(crate) fn forget_waiting(&mut self) {
        for order in self.waiting.drain(..) {
            self.actions.remove(&order.action);
        }
    }

    fn launch(&mut self) {
        while self.running.len() < BATCHES_AT_ONCE && !self.waiting.is_empty() {
            let batch = next_batch(&mut self.waiting);
            let actions = batch.iter().map(|order| order.action).collect();
            let (farm, project, keep) =
                (self.farm.clone(), self.project.clone(), self.keep.clone());
            let started = self.running.spawn(fetch(farm, project, keep, batch));
            self.batches.insert(started.id(), actions);
        }
    }

    /// The next fetch that ends; `None` if none is in progress. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Fetched> {
        loop {
            if let Some(fetched) = self.ended.pop_front() {
                self.actions.remove(&fetched.action);
                return Some(fetched);
            }
            match self.running.join_next_with_id().await? {
                Ok((id, fetched)) => {
                    self.batches.remove(&id);
                    self.ended.extend(fetched);
                }
                // It panicked or was aborted, so its outputs stay open.
                Err(error) => {
                    tracing::debug!("a fetch did not finish: {error}");
                    for action in self.batches.remove(&error.id()).unwrap_or_default() {
                        self.actions.remove(&action);
                    }
                }
            }
            self.launch();
        }
    }
}

/// Downloads and delivers a batch.
async fn fetch<F: Farm>(
    farm: F,
    project: Arc<Project>,
    keep: Option<Arc<dyn ResultCache>>,
    batch: Vec<Order>,
) -> Vec<Fetched> {
    let blobs: Vec<BlobRef> = batch.iter().flat_map(|order| order.result.blobs()).collect();
    let mut downloaded = farm.download_all(blobs).await.into_iter();
    let (mut ready, mut fetched) = (Vec::new(), Vec::new());
    for order in batch {
        let files: Vec<_> = downloaded.by_ref().take(order.result.outputs.len()).collect();
        let files: Result<Vec<_>, _> = files.into_iter().collect();
        match files.and_then(|files| ResultFiles::new(&order.result, files)) {
            Ok(files) => match files.check(&order.wanted) {
                Ok(()) => ready.push((order, files)),
                Err(bad) => {
                    let (action, reason) = (order.action, error_text(&bad));
                    tracing::warn!(%action, reason, "the farm has a bad result");
                    // If it stays in the farm's cache, the task fails with this reason.
                    let _ = farm.forget(action).await;
                    fetched.push(order.ended(Err(FarmError::Blob(bad.into()))));
                }
            },
            Err(error) => fetched.push(order.ended(Err(error))),
        }
    }
    let deliver = move || {
        let prepared = write_together(&ready, |(order, files)| {
            if let Some(cache) = &keep {
                cache.keep(order.action, &order.result, &files.contents());
            }
            prepare(&project, &order.wanted, files)
        });
        place(ready.into_iter().map(|(order, _)| order).zip(prepared))
    };
    match task::spawn_blocking(deliver).await {
        Ok(placed) => fetched.extend(placed),
        // The batch ends as the delivery did.
        Err(error) => error.try_into_panic().map_or((), |panic| std::panic::resume_unwind(panic)),
    }
    fetched
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::RESULTS_PER_BATCH;
    use crate::event::Origin;
    use crate::fake_farm::{FakeFarm, result_with};
    use crate::result_files::Wanted;
    use crate::test_project::{TestProject, run};

    fn order(number: usize) -> Order {
        let bytes = number.to_le_bytes();
        Order {
            action: Digest::of(&bytes),
            result: result_with(BlobRef::of(&bytes)),
            origin: Origin::Cached,
            wanted: vec![Wanted { place: number, outputs: [].into(), expected: vec![] }],
        }
    }

    #[test]
    fn few_results_are_in_memory_while_the_network_is_slow() {
        let test = TestProject::new(&["a.png"]);
        let farm = FakeFarm::new();
        farm.meet(usize::MAX);
        let mut fetches = Fetches::new(farm.clone(), Arc::new(test.open()), None);
        let mut started = 0;
        run(async {
            while fetches.has_room() && started < 10_000 {
                fetches.start(order(started));
                started += 1;
                task::yield_now().await;
            }
        });
        assert_eq!(started, BATCHES_AT_ONCE + RESULTS_PER_BATCH);
        assert_eq!(farm.most().1, BATCHES_AT_ONCE, "each of the first is a batch");
        fetches.forget_waiting();
        assert_eq!(fetches.actions.len(), BATCHES_AT_ONCE);
    }
}
